"""Writes a language model that nobody trained: two layers, 355 tokens, random weights. Its words are noise, all else is real.

Run by the Python that has llama.cpp, whose server reads the file: `python tiny_gguf.py out.gguf`.
"""

import string
import sys

import gguf
import numpy as np

WIDTH, LAYERS, HEADS, INNER, CONTEXT = 64, 2, 4, 128, 1024
SPECIAL = ["<unk>", "<s>", "</s>"]
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
# What SentencePiece writes for a space, then all printable signs.
SIGNS = ["\N{LOWER ONE EIGHTH BLOCK}", *string.digits, *string.ascii_letters, *string.punctuation, "\n"]
SILENT = len(SPECIAL) + len(BYTES)
"""How many tokens are never said, for the noise should be text."""

CHAT = (
    "{% for message in messages %}{{ message['role'] + ': ' + (message['content'] or '') + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)


def main(path: str) -> None:
    """Write the file."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    _add_tokens(writer)
    _add_weights(writer)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_tokens(writer: gguf.GGUFWriter) -> None:
    kind = gguf.TokenType
    writer.add_tokenizer_model("llama")
    writer.add_token_list([*SPECIAL, *BYTES, *SIGNS])
    writer.add_token_scores([0.0] * SILENT + [-1.0] * len(SIGNS))
    writer.add_token_types(
        [kind.UNKNOWN, kind.CONTROL, kind.CONTROL, *[kind.BYTE] * len(BYTES), *[kind.NORMAL] * len(SIGNS)]
    )
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_chat_template(CHAT)


def _add_weights(writer: gguf.GGUFWriter) -> None:
    dice = np.random.default_rng(7)

    def random(*shape: int) -> np.ndarray:
        return dice.normal(0, 0.5, shape).astype(np.float32)

    def add(name: str, weights: np.ndarray) -> None:
        writer.add_tensor(name, weights.astype(np.float32))

    words = SILENT + len(SIGNS)
    spoken = random(words, WIDTH)
    spoken[:SILENT] = 0
    add("token_embd.weight", random(words, WIDTH))
    add("output.weight", spoken)
    add("output_norm.weight", np.ones(WIDTH))
    for layer in range(LAYERS):
        block = f"blk.{layer}."
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            add(f"{block}{name}.weight", random(WIDTH, WIDTH))
        for name in ("ffn_gate", "ffn_up"):
            add(f"{block}{name}.weight", random(INNER, WIDTH))
        add(f"{block}ffn_down.weight", random(WIDTH, INNER))
        for name in ("attn_norm", "ffn_norm"):
            add(f"{block}{name}.weight", np.ones(WIDTH))


if __name__ == "__main__":
    main(sys.argv[1])
