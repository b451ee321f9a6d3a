"""What is asked of the libraries `transformers` and `airllm`, which are not installed here: stand-ins take their place."""

from __future__ import annotations

import sys
import types

import pytest

from journeyman.adapters.model_airllm import airllm_model
from journeyman.adapters.model_transformers import transformers_model
from journeyman.data import CallerError, Message, ModelRequest, Settings, ToolSpec

ASK = ModelRequest("", (Message.user("Hi"),), (ToolSpec("add"),))


class Tensor:
    """As much of a tensor as is looked at: a batch of one."""

    def __init__(self, length):
        self.shape = (1, length)
        self.device = "cpu"


class Inputs(dict):
    def to(self, device):
        assert device == "cpu"
        return self


class Tokenizer:
    chat_template = "a template"

    def apply_chat_template(self, messages, **options):
        self.asked = (messages, options)
        return "<s>the prompt"

    def __call__(self, prompt, **options):
        assert (prompt, options) == ("<s>the prompt", {"return_tensors": "pt", "add_special_tokens": False})
        return Inputs(input_ids=Tensor(5))


class Model:
    """Says four words through the streamer, as the library's `generate` does, and stops where it is told to."""

    device = running_device = "cpu"

    def __init__(self):
        self.tokenizer = Tokenizer()
        self.options = []

    def eval(self):
        self.evaluated = True

    def generate(self, input_ids, streamer, stopping_criteria, **options):
        self.options.append(options)
        made = 0
        for made in range(1, 5):
            streamer.on_finalized_text(f"word{made} ")
            if any(criterion(input_ids, None) for criterion in stopping_criteria):
                break
        streamer.on_finalized_text("", stream_end=True)
        return Tensor(5 + made)


class TextStreamer:
    def __init__(self, tokenizer, **options):
        assert options == {"skip_prompt": True, "skip_special_tokens": True}


@pytest.fixture
def library(monkeypatch):
    """Both libraries, with one and the same model."""
    model, seeds = Model(), []

    def loaded(kind):
        def from_pretrained(reference, **_):
            if reference != "some/model":
                raise OSError(f"{reference} is no folder and no model on the hub")
            return kind()

        return types.SimpleNamespace(from_pretrained=from_pretrained)

    stand_in = types.SimpleNamespace(
        AutoTokenizer=loaded(lambda: model.tokenizer),
        AutoModelForCausalLM=loaded(lambda: model),
        TextStreamer=TextStreamer,
        StoppingCriteriaList=list,
        set_seed=seeds.append,
    )
    torch = types.SimpleNamespace(bool=bool, full=lambda _shape, value, **_: value)
    monkeypatch.setitem(sys.modules, "transformers", stand_in)
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "airllm", types.SimpleNamespace(AutoModel=loaded(lambda: model)))
    model.seeds = seeds
    return model


BOTH = pytest.mark.parametrize("make", [transformers_model, airllm_model])


@BOTH
async def test_a_model_is_loaded_and_asked(library, make):
    """Through its own template, with the tools; its words come piece by piece, and its tokens are counted."""
    heard = []
    model = make("some/model")
    response = await model.respond(ASK, heard.extend)
    assert model.name.endswith(":some/model")
    assert response.message.text == "word1 word2 word3 word4 "
    assert [delta.text for delta in heard] == ["word1 ", "word2 ", "word3 ", "word4 "]
    assert (response.usage.input, response.usage.output) == (5, 4)
    messages, options = library.tokenizer.asked
    assert messages == [{"role": "user", "content": "Hi"}]
    assert (options["add_generation_prompt"], options["tokenize"]) == (True, False)
    assert options["tools"][0]["function"]["name"] == "add"


@BOTH
async def test_settings_go_along(library, make):
    """Sampling only where a temperature is set; without a limit each adapter has its own."""
    model = make("some/model")
    await model.respond(ASK)
    settings = Settings(temperature=0.5, top_p=0.9, top_k=10, max_tokens=7, seed=3)
    await model.respond(ModelRequest("", ASK.messages, settings=settings))
    greedy, sampled = library.options
    assert greedy.pop("max_new_tokens") > 100
    assert greedy == {"do_sample": False}
    assert sampled == {"do_sample": True, "temperature": 0.5, "top_p": 0.9, "top_k": 10, "max_new_tokens": 7}
    assert library.seeds == [3]
    assert library.tokenizer.asked[1]["tools"] is None


@BOTH
async def test_the_end_of_the_limit_is_told(library, make):
    """Four words of four that were allowed."""
    response = await make("some/model").respond(ModelRequest("", ASK.messages, settings=Settings(max_tokens=4)))
    assert response.finish == "length"


@BOTH
async def test_a_model_that_is_not_there_is_told(library, make):
    """With the library's own words."""
    with pytest.raises(CallerError, match="cannot load 'another/model': another/model is no folder"):
        await make("another/model").respond(ASK)


async def test_a_model_without_a_template_cannot_be_talked_with(library):
    """A base model, for example."""
    library.tokenizer.chat_template = None
    with pytest.raises(CallerError, match="no chat template"):
        await transformers_model("some/model").respond(ASK)


@pytest.mark.parametrize(
    ("make", "missing", "said"),
    [
        (transformers_model, "transformers", "pip install transformers torch"),
        (transformers_model, "torch", "pip install transformers torch"),
        (airllm_model, "airllm", "pip install airllm"),
    ],
)
async def test_a_missing_package_says_what_to_install(library, monkeypatch, make, missing, said):
    """When the model is asked, and not before."""
    monkeypatch.setitem(sys.modules, missing, None)
    model = make("some/model")
    with pytest.raises(CallerError, match=f"{missing} is not installed.*{said}"):
        await model.respond(ASK)
