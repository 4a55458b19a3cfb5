"""`moa ui`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx


def test_the_page_is_opened(tmp_path: Path) -> None:
    """The address is printed and opened in the browser, the default comes first, and Ctrl-C ends it with 0."""
    heard = tmp_path / "heard"
    os.mkfifo(heard)
    script = tmp_path / "browser"
    script.write_text(f'echo "$1" > {heard}')
    command = [sys.executable, "-m", "langgraph_moa.cli", "ui", "--quiet"]
    environment = {**os.environ, "BROWSER": f"sh {script} %s"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            address = running.stdout.readline().strip()
            assert heard.read_text().strip() == address
            with httpx.Client(base_url=address, trust_env=False) as client:
                assert "<title>Mixture playground</title>" in client.get("/").text
                assert client.get("playground/api/mixtures").json()["mixtures"][0] == "offline"
        finally:
            running.send_signal(signal.SIGINT)
        assert running.wait(timeout=30) == 0
