"""Claims about what is served under which name."""

from __future__ import annotations

from pathlib import Path

import pytest

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.serving.catalogue import Catalogue, UnknownModelError
from langgraph_moa.serving.settings import Settings
from tests.serving.conftest import panel


def test_names_are_presets_and_files(tmp_path: Path) -> None:
    """A preset is served under its name, a file under its own without the ending."""
    found = Catalogue(["offline", str(panel(tmp_path, "house"))])
    assert found.names() == ("offline", "house")
    assert found.mixture("house").name == "house"


@pytest.mark.parametrize(
    ("sources", "why"),
    [
        ([], "nothing to serve"),
        (["offlin"], "offline"),
        (["missing.toml"], "missing.toml"),
        (["offline", "offline"], "called 'offline'"),
    ],
)
def test_wrong_sources(sources: list[str], why: str) -> None:
    """What cannot be served is refused when the server starts, by name."""
    with pytest.raises(ConfigurationError, match=why):
        Catalogue(sources).read_all()


def test_other_parameters_are_of_the_aggregator(tmp_path: Path) -> None:
    """A request's temperature and length are for the aggregator; the recipe that others get stays as it is."""
    found = Catalogue([str(panel(tmp_path, "house"))])
    other = found.model("house", temperature=0.2, max_tokens=50)
    assert (other.recipe.merger.temperature, other.recipe.merger.max_tokens) == (0.2, 50)
    assert found.mixture("house").merger.temperature is None
    assert found.model("house", temperature=0.2, max_tokens=50) is other
    with pytest.raises(ConfigurationError, match="temperature"):
        found.model("house", temperature=-1)


def test_a_name_is_no_path(tmp_path: Path) -> None:
    """A request cannot name a file, not even the one that is served."""
    path = panel(tmp_path, "house")
    with pytest.raises(UnknownModelError, match="house"):
        Catalogue([str(path)]).model(str(path))


def test_others_need_a_token() -> None:
    """An address that other machines reach is refused without a token, and so is a token that is easily guessed."""
    for host in ("0.0.0.0", "::", "192.168.1.5", "example.org"):  # noqa: S104 - refused
        with pytest.raises(ConfigurationError, match="LANGGRAPH_MOA_SERVE_TOKEN"):
            Settings(host=host)
        assert Settings(host=host, token="x" * 16).host == host
    with pytest.raises(ConfigurationError, match="at least 16"):
        Settings(token="x" * 15)
    assert "x" * 16 not in repr(Settings(token="x" * 16))
    for host in ("127.0.0.1", "localhost", "::1", "[::1]", "127.0.0.9"):
        assert Settings(host=host).token is None
