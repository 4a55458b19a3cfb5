"""The two seats that a model can take: `Proposer` and `Aggregator`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Literal, TypeAlias, TypeVar, get_args

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable
from langchain_core.runnables.base import RunnableBindingBase

from langgraph_moa import checks
from langgraph_moa.chains import is_plain
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.mixture.hedging import Hedge, read_hedge
from langgraph_moa.mixture.warming import WarmUp
from langgraph_moa.parameters import Parameters
from langgraph_moa.providers import PROVIDERS, parse_model_name
from langgraph_moa.serialization import as_mapping, plain_table
from langgraph_moa.slots import check_name
from langgraph_moa.strategies import Strategy, read_strategy, write_strategy
from langgraph_moa.strategies.reading import StrategyLike, shortest
from langgraph_moa.usage import PlannedCall, PriceTable
from langgraph_moa.views import Kind, Part

OnFailure = Literal["raise", "best_proposal"]


class NestedModel(ABC):
    """A model that is made of models: a `Mixture`."""

    __slots__ = ()

    name: str

    @property
    @abstractmethod
    def seats(self) -> Sequence[Seat]:
        """Its proposers and aggregators."""

    @abstractmethod
    def planned_calls(
        self, tokens: int | None, prices: PriceTable, prefix: str = "", *, answer_tokens: int | None = None
    ) -> Iterator[PlannedCall]:
        """Yield its calls, stage by stage.

        Args:
            tokens: Of the conversation; `None` when unknown.
            prices: For the cost of each call, where the mixture has no table of its own.
            prefix: Names of the slots that this mixture is nested in, each with a `/`.
            answer_tokens: Counted for an answer whose length nobody has bounded; `None`: unknown.
        """

    @abstractmethod
    def planned_answer(self, tokens: int | None, prices: PriceTable, *, answer_tokens: int | None = None) -> int | None:
        """Return the tokens of its answer at most, which need not be those of its last call; `None`: unknown.

        Args:
            tokens: As in `planned_calls`, and so are the others.
            prices: Of a seat's models, the dearest is the one that is planned for.
            answer_tokens: Counted for an answer whose length nobody has bounded.
        """

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return its written form."""


Model: TypeAlias = str | Runnable[Any, Any] | NestedModel
"""`"provider:model"`, a chat model, any other Runnable from messages to a message or a state, or a mixture."""


@dataclass(frozen=True, slots=True)
class Proposer:
    """A model that answers independently of the other proposers of its layer."""

    model: Model
    _: KW_ONLY
    name: str | None = None
    """Slot name in node names, traces and reports; made from the model's name if `None`."""
    temperature: float | None = None
    """0 to 2. Sent only when set, as are all sampling parameters."""
    max_tokens: int | None = None
    system_prompt: str | None = None
    """Added behind the conversation's own system message, for this proposer alone."""
    timeout: float | None = None
    """Seconds for this proposer, fallbacks included, where less than its layer's deadline."""
    fallbacks: Sequence[Model] = ()
    """Models asked in turn when the one before raises an error or gives no usable answer."""
    required: bool = False
    """Whether the layer waits for it until the deadline even when the quorum is reached."""
    samples: int = 1
    """Independent draws of this model, each a slot of its own: the paper's single-proposer setting."""
    context_window: int | None = None
    """Tokens that the model can take, its answer included; `None`: not checked. See `Mixture.on_overflow`."""
    view: Sequence[Part] | None = None
    """What it is shown of the conversation besides the latest question: `views.Part`s; `None`: everything."""
    inputs: Sequence[Kind] | None = None
    """Kinds of input that the slot's models take, `"text"` among them; `None`: what each chat model's own profile says.
    A model that does not take what it would be shown is not asked, and a slot without one that does is skipped."""
    model_kwargs: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments for the constructor of the model, where a string names it; fallbacks do not get them."""
    hedge: Hedge | None = None
    """When a second call is made beside one that takes long, or the table of a `Hedge`; `None`: never."""

    def __post_init__(self) -> None:
        """Check every field."""
        _check_seat(self)
        object.__setattr__(self, "hedge", read_hedge("Proposer.hedge", self.hedge))
        _refuse_hedge(self)
        object.__setattr__(self, "view", _words("Proposer.view", self.view, get_args(Part)))
        object.__setattr__(self, "inputs", _words("Proposer.inputs", self.inputs, get_args(Kind)))
        if self.inputs == ():
            kinds = ", ".join(map(repr, get_args(Kind)))
            raise ConfigurationError(f"Proposer.inputs must name at least one of {kinds}, or be None; got []")
        if self.name is not None:
            check_name("Proposer.name", self.name)
        checks.text("Proposer.system_prompt", self.system_prompt)
        checks.flag("Proposer.required", self.required)
        checks.whole_number("Proposer.samples", self.samples, low=1, high=1024)

    def __repr__(self) -> str:
        return _seat_repr(self)

    @property
    def models(self) -> tuple[Model, ...]:
        """Every model that may be asked, in turn."""
        return (self.model, *self.fallbacks)

    @property
    def label(self) -> str:
        """Name under which the seat is recorded."""
        return model_label(self.model)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields that differ from their defaults, secrets left out."""
        return _seat_table(self)


@dataclass(frozen=True, slots=True)
class Aggregator:
    """What makes one answer of the references: a model as a rule, and a strategy."""

    model: Model | None = None
    """`None` for a strategy that asks no model: `"vote"` and `"consensus"`. One that is given is then not asked."""
    _: KW_ONLY
    strategy: StrategyLike = "synthesize"
    """A name, or one of `strategies` with settings of its own, such as `Vote(weights=...)`, or its table."""
    temperature: float | None = None
    """0 to 2. Sent only when set."""
    max_tokens: int | None = None
    prompt: str | None = None
    """Instructions that stand before the references, plain text; `None`: `prompts.AGGREGATE_AND_SYNTHESIZE`."""
    fallbacks: Sequence[Model] = ()
    """Models asked in turn when the one before raises an error or gives no usable answer."""
    timeout: float | None = None
    """Seconds, fallbacks included; `None` means 600."""
    context_window: int | None = None
    """Tokens that the model can take, its answer included; `None`: not checked. See `Mixture.on_overflow`."""
    on_failure: OnFailure = "raise"
    """When no model of the seat answers: `"raise"` raises `AggregatorError`; `"best_proposal"` gives the proposal that
    agrees most with the others in place of the answer, and says so."""
    warm_up: WarmUp | None = None
    """What is done for its model while the last layer is at work: `"connection"` opens one to the provider, by a
    request that bills nothing; `"prompt"` has the provider read the conversation into its prompt cache, by a request
    for one token that is billed as any."""
    model_kwargs: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments for the constructor of the model, where a string names it; fallbacks do not get them."""

    def __post_init__(self) -> None:
        """Check every field."""
        _check_seat(self)
        decider = self.decider
        if self.model is None and decider.asks_model:
            msg = (
                "Aggregator.model must be a 'provider:model' string, a chat model, another Runnable or a Mixture, as "
                f"strategy {decider.name!r} asks one; got NoneType. Strategies that ask none: 'vote', 'consensus'"
            )
            raise ConfigurationError(msg)
        object.__setattr__(self, "strategy", shortest(decider))
        checks.text("Aggregator.prompt", self.prompt)
        checks.choice("Aggregator.on_failure", self.on_failure, get_args(OnFailure))
        _check_warm_up(self)

    def __repr__(self) -> str:
        return _seat_repr(self)

    @property
    def decider(self) -> Strategy:
        """The strategy, with its settings."""
        return read_strategy("Aggregator.strategy", self.strategy)

    @property
    def models(self) -> tuple[Model, ...]:
        """Every model that may be asked, in turn; none where the strategy asks none."""
        return (self.model, *self.fallbacks) if self.model is not None and self.decider.asks_model else ()

    @property
    def label(self) -> str:
        """Name under which the seat is recorded: that of its model, or of its strategy where it asks none."""
        return model_label(self.model) if self.model is not None and self.decider.asks_model else self.decider.name

    @property
    def warms_up(self) -> bool:
        """Whether something is done for it while the last layer is at work: for a model that is asked."""
        return bool(self.warm_up and self.models)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields that differ from their defaults, secrets left out."""
        return _seat_table(self)


Seat: TypeAlias = Proposer | Aggregator
AnySeat = TypeVar("AnySeat", Proposer, Aggregator)


def as_proposer(value: Proposer | Model) -> Proposer:
    """Return a proposer for a model, or the proposer itself."""
    return value if isinstance(value, Proposer) else Proposer(value)


def as_aggregator(value: Aggregator | Model) -> Aggregator:
    """Return an aggregator for a model, or the aggregator itself."""
    return value if isinstance(value, Aggregator) else Aggregator(value)


def nested_mixture(model: object) -> NestedModel | None:
    """Return the mixture that a model is, also when it is compiled; `None` for every other model."""
    if isinstance(model, NestedModel):
        return model
    if not any(kind.__module__.startswith("langgraph.") for kind in type(model).__mro__):
        return None
    nodes = getattr(model, "nodes", None)
    last = nodes.get("aggregator") if isinstance(nodes, Mapping) else None
    mixture = getattr(getattr(last, "bound", None), "mixture", None)
    return mixture if isinstance(mixture, NestedModel) else None


def mixture_behind(model: object) -> NestedModel | None:
    """Return the mixture whose calls a call of a model makes: it is one, or a chat model that is made of one.

    What such a chat model is run as stays its own: see `nested_mixture` for what is run as a mixture.
    """
    while isinstance(model, RunnableBindingBase):
        model = model.bound
    recipe = getattr(model, "recipe", None) if isinstance(model, BaseChatModel) else None
    return recipe if isinstance(recipe, NestedModel) else nested_mixture(model)


def model_label(model: Model) -> str:
    """Return the name under which a model is recorded: `provider:model`, or what an object calls itself."""
    if isinstance(model, str):
        return model
    inner = nested_mixture(model)
    if inner is not None:
        return f"mixture:{inner.name}"
    called, given = _unbound(model)
    kind = type(called).__name__
    name = given or getattr(called, "model_name", None) or getattr(called, "model", None)
    if isinstance(name, str) and name:
        return f"{kind.removeprefix('Chat').lower()}:{name}"
    own = getattr(called, "name", None)
    return own if isinstance(own, str) and own else kind


def _unbound(model: object) -> tuple[object, object]:
    """Return the chat model that arguments, a config or retries are bound to, and the `model` that is bound if any.

    Anything else comes back as it is.
    """
    inner, name = model, None
    while isinstance(inner, RunnableBindingBase):
        name = name or inner.kwargs.get("model") or inner.kwargs.get("model_name")
        inner = inner.bound
    return (inner, name) if isinstance(inner, BaseChatModel) else (model, None)


def _check_seat(seat: Seat) -> None:
    """Check the fields that both seats have, and freeze what they hold."""
    kind = type(seat).__name__
    fallbacks = checks.listed(f"{kind}.fallbacks", seat.fallbacks)
    for model in (*(() if seat.model is None and isinstance(seat, Aggregator) else (seat.model,)), *fallbacks):
        _check_model(kind, model)
    checks.number(f"{kind}.temperature", seat.temperature, low=0, high=2)
    if seat.max_tokens is not None:
        checks.whole_number(f"{kind}.max_tokens", seat.max_tokens, low=1)
    checks.number(f"{kind}.timeout", seat.timeout, above=0)
    if seat.context_window is not None:
        checks.whole_number(f"{kind}.context_window", seat.context_window, low=1)
    parameters = Parameters(as_mapping(f"{kind}.model_kwargs", seat.model_kwargs))
    if parameters and not isinstance(seat.model, str):
        msg = (
            f"{kind}.model_kwargs goes with a 'provider:model' string, got an object: set {', '.join(parameters)} on it"
        )
        raise ConfigurationError(msg)
    object.__setattr__(seat, "fallbacks", fallbacks)
    object.__setattr__(seat, "model_kwargs", parameters)


def _refuse_hedge(proposer: Proposer) -> None:
    """Refuse a hedge of what makes several calls, or acts."""
    for model in () if proposer.hedge is None else proposer.models:
        if isinstance(model, Runnable) and is_plain(model) and mixture_behind(model) is None:
            continue
        if not isinstance(model, str):
            msg = (
                f"Proposer.hedge goes with chat models, and {model_label(model)!r} is none: a second call would act "
                "once more, or make all its calls again. Leave it out; in a nested mixture, its proposers can have it"
            )
            raise ConfigurationError(msg)


def _check_warm_up(aggregator: Aggregator) -> None:
    """Refuse to warm up what is no chat model, or has no request that bills nothing."""
    if aggregator.warm_up is None:
        return
    checks.choice("Aggregator.warm_up", aggregator.warm_up, get_args(WarmUp))
    for model in aggregator.models[:1]:
        called, _ = _unbound(model)
        is_chat = isinstance(called, str | BaseChatModel) and mixture_behind(model) is None
        if is_chat and (aggregator.warm_up == "prompt" or _lists_models(called)):
            continue
        ways = "None" if not is_chat else "'prompt' or None"
        what = "a chat model" if aggregator.warm_up == "prompt" else "a chat model on the OpenAI SDK, as 'openai:...'"
        msg = f"Aggregator.warm_up={aggregator.warm_up!r} goes with {what}, and {model_label(model)!r} is none"
        raise ConfigurationError(f"{msg}: write warm_up={ways}")


def _lists_models(model: object) -> bool:
    """Say whether a chat model's client can ask for the provider's models, which bills nothing."""
    if isinstance(model, str):
        return PROVIDERS[parse_model_name(model).provider].openai_client
    return hasattr(getattr(model, "root_async_client", None), "models")


def _words(what: str, value: object, allowed: Sequence[str]) -> tuple[Any, ...] | None:
    """Return a list of the allowed words, each once."""
    if value is None:
        return None
    words = checks.listed(what, value)
    for word in words:
        checks.choice(f"each of {what}", word, allowed)
    return tuple(dict.fromkeys(words))


def _check_model(kind: str, model: object) -> None:
    if isinstance(model, str):
        parse_model_name(model)
    elif not isinstance(model, Runnable | NestedModel):
        msg = (
            f"{kind}.model must be a 'provider:model' string, a chat model, another Runnable or a Mixture; "
            f"got {type(model).__name__}"
        )
        raise ConfigurationError(msg)


def _seat_table(seat: Seat) -> dict[str, Any]:
    kwargs = seat.model_kwargs.without_secrets() if isinstance(seat.model_kwargs, Parameters) else {}
    written = {"strategy": write_strategy(seat.decider)} if isinstance(seat, Aggregator) else _written_hedge(seat)
    table = plain_table(
        seat,
        **written,
        model=None if seat.model is None else _written(seat, seat.model),
        fallbacks=[_written(seat, model) for model in seat.fallbacks],
        model_kwargs=kwargs,
    )
    plain = {name: list(value) if isinstance(value, tuple) else value for name, value in table.items()}
    return {name: value for name, value in plain.items() if name != "model_kwargs" or value}


def _written_hedge(proposer: Proposer) -> dict[str, Any]:
    return {} if proposer.hedge is None else {"hedge": proposer.hedge.to_dict()}


def _seat_repr(seat: Seat) -> str:
    """Show a seat by its models' labels: what a model object shows of itself may hold a header with a key."""
    fallbacks = [model_label(model) for model in seat.fallbacks]
    label = None if seat.model is None else model_label(seat.model)
    shown = plain_table(seat, model=label, fallbacks=fallbacks)
    return f"{type(seat).__name__}({', '.join(f'{name}={value!r}' for name, value in shown.items())})"


def _written(seat: Seat, model: Model) -> str | dict[str, Any]:
    if isinstance(model, str):
        return model
    if isinstance(model, NestedModel):
        return model.to_dict()
    msg = (
        f"{type(seat).__name__} {model_label(model)!r} is an object, which cannot be written: name it 'provider:model'"
    )
    raise ConfigurationError(msg)
