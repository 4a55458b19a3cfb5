"""Writes a model of random weights, half a megabyte small, that a real engine can run: its answers are noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from gguf import GGUFWriter, TokenType

CONTEXT = 4096
"""Tokens; a token is a byte of text, or one of the words that a model is given."""
_LAYERS = 2
_WIDTH = 64
_HEADS = 4
_HIDDEN = 128
_SPREAD = 0.2
_CONTROL_TOKENS = ("<unk>", "<s>", "</s>")
_TOKENS = [*_CONTROL_TOKENS, *(f"<0x{byte:02X}>" for byte in range(256)), "\u2581"]
_TYPES = [TokenType.UNKNOWN, TokenType.CONTROL, TokenType.CONTROL, *[TokenType.BYTE] * 256, TokenType.NORMAL]
_NEVER_SAID = len(_CONTROL_TOKENS) + ord(" ") + 1
"""Control tokens and the bytes up to the space: an answer never ends by itself and is never blank."""
_TEMPLATE = "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}assistant: "


def write_noise_model(path: Path, *, seed: int, words: str = "") -> None:
    """Write a Llama of two layers in GGUF, with bytes as its vocabulary.

    Args:
        path: Of the new file.
        seed: Of the weights.
        words: Text whose words, with the space before them, are tokens as well.
    """
    starts = (f"\u2581{word[:length]}" for word in words.split() for length in range(1, len(word) + 1))
    further = list(dict.fromkeys(starts))
    writer = GGUFWriter(path, "llama")
    _write_architecture(writer, len(_TOKENS) + len(further))
    _write_vocabulary(writer, further)
    _write_weights(writer, np.random.default_rng(seed), len(_TOKENS) + len(further))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _write_architecture(writer: GGUFWriter, tokens: int) -> None:
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(_WIDTH)
    writer.add_block_count(_LAYERS)
    writer.add_feed_forward_length(_HIDDEN)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_HEADS)
    writer.add_rope_dimension_count(_WIDTH // _HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(tokens)


def _write_vocabulary(writer: GGUFWriter, further: list[str]) -> None:
    writer.add_tokenizer_model("llama")
    writer.add_token_list([*_TOKENS, *further])
    writer.add_token_scores([0.0] * (len(_TOKENS) + len(further)))
    writer.add_token_types([*_TYPES, *[TokenType.NORMAL] * len(further)])
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template(_TEMPLATE)


def _write_weights(writer: GGUFWriter, random: np.random.Generator, tokens: int) -> None:
    def matrix(rows: int, columns: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return (random.standard_normal((rows, columns)) * _SPREAD).astype(np.float32)

    ones = np.ones(_WIDTH, np.float32)
    output = matrix(tokens, _WIDTH)
    output[:_NEVER_SAID] = 0.0
    writer.add_tensor("token_embd.weight", matrix(tokens, _WIDTH))
    writer.add_tensor("output_norm.weight", ones)
    writer.add_tensor("output.weight", output)
    for layer in range(_LAYERS):
        prefix = f"blk.{layer}"
        for name in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"{prefix}.{name}.weight", ones)
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            writer.add_tensor(f"{prefix}.{name}.weight", matrix(_WIDTH, _WIDTH))
        writer.add_tensor(f"{prefix}.ffn_gate.weight", matrix(_HIDDEN, _WIDTH))
        writer.add_tensor(f"{prefix}.ffn_up.weight", matrix(_HIDDEN, _WIDTH))
        writer.add_tensor(f"{prefix}.ffn_down.weight", matrix(_WIDTH, _HIDDEN))
