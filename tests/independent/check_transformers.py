"""A real `transformers` with a tiny model of noise, made here: `make test-transformers`; needs torch, and no network.

Its weights are random, so its words are noise; how they are asked for, streamed, counted, ended and cut off is real.
"""

import asyncio
import threading

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from journeyman import Agent, Settings, open_model
from journeyman.data import CallerError, Image, Message, ModelRequest, TextDelta, ToolSpec

WORDS = [f"w{number}" for number in range(200)]
TEMPLATE = "{% for m in messages %}<s> {{ m['role'] }} {{ m['content'] }} {% endfor %}{% if add_generation_prompt %}<s> assistant{% endif %}"
HI = (Message.system("w1"), Message.user("w2 w3"))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a model of two layers and a tokenizer of some two hundred words."""
    folder = tmp_path_factory.mktemp("model")
    vocabulary = {word: at for at, word in enumerate(["<unk>", "<s>", "</s>", "user", "assistant", "system", *WORDS])}
    plain = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    plain.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=plain, unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="</s>"
    )
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    torch.manual_seed(7)
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=8192,
        bos_token_id=1,
        eos_token_id=2,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture
def model(place):
    return open_model(f"transformers:{place}")


async def test_an_answer(model):
    """It answers with as many tokens as allowed, counts what it was asked and what it said, and says why it ended."""
    response = await model.respond(ModelRequest("", HI, settings=Settings(max_tokens=5, temperature=0)))
    assert len(response.message.text.split()) == response.usage.output == 5
    assert response.finish == "length"
    assert response.usage.input > 4


async def test_a_stream(model):
    """The glimpses add up to the answer, and there are several of them."""
    heard = []
    asked = ModelRequest("", HI, settings=Settings(max_tokens=12, temperature=0))
    response = await model.respond(asked, heard.extend)
    assert "".join(delta.text for delta in heard if isinstance(delta, TextDelta)) == response.message.text
    assert len(heard) > 3


async def test_the_same_without_chance(model):
    """At temperature 0 the same question has the same answer, and it is that of the library itself."""
    asked = ModelRequest("", HI, settings=Settings(max_tokens=8, temperature=0))
    first, second = [await model.respond(asked) for _ in range(2)]
    assert first.message.text == second.message.text


async def test_cancelling(model):
    """A run that is cut off stops the generation in its thread."""
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()
    asked = ModelRequest("", HI, settings=Settings(max_tokens=8000, temperature=1.0))
    before = threading.active_count()
    task = asyncio.create_task(model.respond(asked, lambda _: loop.call_soon_threadsafe(begun.set)))
    await asyncio.wait_for(begun.wait(), 60)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(30):
        while threading.active_count() > before:  # noqa: ASYNC110  (a thread has no event for its end)
            await asyncio.sleep(0.01)


async def test_an_agent(model):
    """An agent runs on it as on any other model."""
    result = await Agent(model, settings=Settings(max_tokens=4)).run("w5")
    assert result.status == "finished"
    assert result.usage.output == 4
    assert result.cost == 0


async def test_what_it_cannot_do(model):
    """A picture is refused by the name of the capability, before anything is generated."""
    with pytest.raises(CallerError, match="vision"):
        await model.respond(ModelRequest("", (Message.user(["w1", Image("image/png", b"x")]),)))


async def test_tools_are_shown(model):
    """Tools go into the chat template; a model of noise calls none of them."""
    asked = ModelRequest("", HI, (ToolSpec("f", "Does it."),), settings=Settings(max_tokens=3, temperature=0))
    assert (await model.respond(asked)).message.text


def test_a_folder_that_is_none(tmp_path):
    """A model that is not there is told of when it is first asked."""
    model = open_model(f"transformers:{tmp_path}/none")
    with pytest.raises(CallerError, match="none"):
        asyncio.run(model.respond(ModelRequest("", HI)))
