"""The length-controlled win rate of AlpacaEval 2.0: what a judge would prefer were both answers equally long.

A logistic model explains each preference by the difference in length, the instruction's difficulty and the model. Its
prediction without the first is the win rate (Dubois et al. 2024, arXiv:2404.04475; `length_controlled_v1` of the
official code, whose results these are).
"""

from __future__ import annotations

import csv
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.extras import require

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

RELIABLE_FROM = 400
"""Instructions below which the figure depends on which ones were asked."""
SPREAD_AT_100 = 4.2
"""Standard deviation at 100 instructions, in points."""

_COLUMNS = ("preference", "index", "std_delta_len", "instruction_difficulty", "not_gamed_baseline")
_GAMED_WEIGHT = 0.1
_FOLDS = 5
_STRENGTHS = (-4, 4, 10)
_SEED = 123
_CLIP = 1e-15


class LengthControlWarning(UserWarning):
    """A length-controlled win rate of too few instructions."""


class Weights(NamedTuple):
    """What the logistic model has learned."""

    length: float
    """Of tanh(length difference / its standard deviation)."""
    difficulty: float
    model: float


@dataclass(frozen=True, slots=True)
class Gamed:
    """Preferences for answers that were asked to be long, or short: they hold the model's weights down."""

    preferences: Numbers
    lengths: Numbers
    """In standard deviations."""
    difficulties: Numbers
    of_instruction: dict[int, float]
    """Difficulty by index of the instruction."""


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Rows of the logistic model, each with the probability of being preferred."""

    features: Numbers
    preferences: Numbers
    weights: Numbers

    def part(self, rows: NDArray[Any]) -> _Pairs:
        return _Pairs(self.features[rows], self.preferences[rows], self.weights[rows])


def read_gamed(path: str | PathLike[str]) -> Gamed:
    """Read `df_gamed.csv` of the official data set.

    Raises:
        ConfigurationError: There is no such file, or it holds something else.
    """
    import numpy as np

    try:
        with Path(path).open(encoding="utf-8", newline="") as file:
            rows = [_gamed_row(row) for row in csv.DictReader(file)]
    except OSError as error:
        msg = f"gamed: {path} cannot be read ({error.strerror}). Give the path of AlpacaEval's df_gamed.csv"
        raise ConfigurationError(msg) from error
    except (KeyError, TypeError, ValueError) as error:
        raise _not_gamed(path, error) from error
    if not rows:
        raise _not_gamed(path, "it has no rows")
    preferences, indices, lengths, difficulties = zip(*rows, strict=True)
    first = dict(zip(reversed(indices), reversed(difficulties), strict=True))
    return Gamed(np.array(preferences), np.array(lengths), np.array(difficulties), first)


def length_controlled_win_rate(
    preferences: Sequence[float | None],
    baseline_lengths: Sequence[float],
    output_lengths: Sequence[float],
    *,
    gamed: str | PathLike[str],
    indices: Sequence[int] | None = None,
) -> float:
    """Return the length-controlled win rate in percent.

    Instructions without a preference teach the model nothing; what it predicts for them counts, as officially.

    Args:
        preferences: For the model over the baseline, from 0 to 1; 0.5 is a draw. NaN or `None`: unscored.
        baseline_lengths: Of the baseline's outputs, in characters.
        output_lengths: Of the model's outputs, in characters.
        gamed: Path of `df_gamed.csv`.
        indices: Which instruction of the official set each preference belongs to, from 0; `None`: in order.

    Raises:
        ConfigurationError: A value is wrong, or the file is.
        MissingDependencyError: The extra `eval` is not installed.

    Warns:
        LengthControlWarning: There are fewer than 400 preferences.
    """
    known = read_gamed(gamed)
    asked = range(len(preferences)) if indices is None else indices
    difficulties = _difficulties(asked, known)
    if len(difficulties) != len(preferences):
        msg = f"indices: {len(difficulties)} for {len(preferences)} preferences. Give one for each"
        raise ConfigurationError(msg)
    weights = fit(preferences, baseline_lengths, output_lengths, difficulties, known)
    return win_rate_from_weights(weights.model, weights.difficulty, difficulties)


def win_rate_from_weights(w_model: float, w_difficulty: float, difficulties: Sequence[float]) -> float:
    """Return the length-controlled win rate, in percent, that published weights stand for.

    Args:
        w_model: Of the model.
        w_difficulty: Of an instruction's difficulty.
        difficulties: Of the instructions.

    Raises:
        ConfigurationError: There are no difficulties, or a value is no finite number.
    """
    if not len(difficulties) or not all(map(math.isfinite, (w_model, w_difficulty, *difficulties))):
        msg = f"w_model {w_model}, w_difficulty {w_difficulty} and {len(difficulties)} difficulties: "
        raise ConfigurationError(f"{msg}there must be difficulties, and all must be finite numbers")
    won = (_sigmoid(w_model + w_difficulty * difficulty) for difficulty in difficulties)
    return 100 * math.fsum(won) / len(difficulties)


def fit(
    preferences: Sequence[float | None],
    baseline_lengths: Sequence[float],
    output_lengths: Sequence[float],
    difficulties: Sequence[float],
    gamed: Gamed,
) -> Weights:
    """Fit the logistic model; the arguments are those of `length_controlled_win_rate`.

    Raises:
        ConfigurationError: A value is wrong.
        MissingDependencyError: The extra `eval` is not installed.
    """
    preferred = checked_preferences(preferences)
    lengths = _relative_lengths(len(preferred), baseline_lengths, output_lengths)
    pairs = _pairs(preferred, lengths, difficulties, gamed)
    if len(pairs.preferences) == len(gamed.preferences):
        msg = "preferences: none of them is a number, so nothing can be learned. Judge the answers first"
        raise ConfigurationError(msg)
    _warn_of_few(len(pairs.preferences) - len(gamed.preferences))
    length, difficulty, model = _coefficients(pairs, _best_strength(pairs))
    return Weights(length, difficulty, model)


def checked_preferences(preferences: Sequence[float | None]) -> list[float]:
    """Return preferences with NaN where there is none.

    Raises:
        ConfigurationError: One lies outside 0..1.
    """
    numbers = [math.nan if given is None else float(given) for given in preferences]
    for place, number in enumerate(numbers):
        if not (math.isnan(number) or 0 <= number <= 1):
            msg = f"preferences[{place}] must be from 0 to 1, or NaN where there is none; got {number}"
            hint = " (the official annotations run from 1 to 2: subtract 1)" if 1 < number <= 2 else ""  # noqa: PLR2004
            raise ConfigurationError(msg + hint)
    return numbers


def _gamed_row(row: dict[str, str]) -> tuple[float, int, float, float]:
    preference, index, length, difficulty, not_gamed = (row[name] for name in _COLUMNS)
    numbers = float(preference), int(index), float(length), float(difficulty)
    if not_gamed != "False" or not all(map(math.isfinite, numbers)) or not 0 <= numbers[0] <= 1:
        msg = f"row {row!r:.200} is out of range"
        raise ValueError(msg)
    return numbers


def _not_gamed(path: str | PathLike[str], why: object) -> ConfigurationError:
    columns = ", ".join(_COLUMNS)
    return ConfigurationError(
        f"gamed: {path} is not AlpacaEval's df_gamed.csv with the columns {columns}: {why!s:.300}"
    )


def _difficulties(indices: Sequence[int], gamed: Gamed) -> list[float]:
    known = gamed.of_instruction
    unknown = [index for index in indices if index not in known]
    if unknown:
        msg = (
            f"indices: there is no instruction {unknown[0]!r}; those of the gamed file are {min(known)} to {max(known)}"
        )
        raise ConfigurationError(f"{msg}. Only the official instructions have a known difficulty")
    return [known[index] for index in indices]


def _relative_lengths(count: int, baseline: Sequence[float], output: Sequence[float]) -> Numbers:
    """Return baseline minus output, in standard deviations, which are not taken around the mean."""
    import numpy as np

    for name, lengths in (("baseline_lengths", baseline), ("output_lengths", output)):
        if len(lengths) != count:
            msg = f"{name}: {len(lengths)} for {count} preferences. Give one for each"
            raise ConfigurationError(msg)
        wrong = [length for length in lengths if not (math.isfinite(length) and length >= 0)]
        if wrong:
            msg = f"{name} must be numbers of characters, 0 or more; got {wrong[0]!r}"
            raise ConfigurationError(msg)
    differences: Numbers = np.asarray(baseline, dtype=np.float64) - np.asarray(output, dtype=np.float64)
    deviation = float(differences.std(ddof=1)) if count > 1 else math.nan
    if not deviation > 0:
        msg = f"baseline_lengths and output_lengths differ by the same in all {count} answers, so that nothing can be "
        raise ConfigurationError(f"{msg}learned about length. Give answers of several lengths")
    relative: Numbers = differences / deviation
    return relative


def _pairs(preferred: Sequence[float], lengths: Numbers, difficulties: Sequence[float], gamed: Gamed) -> _Pairs:
    """Put the gamed rows before those of the model that have a preference."""
    import numpy as np

    # The official code adds 1 and takes it off again; the last bit that this rounds away is rounded away here too.
    own = np.asarray(preferred, dtype=float) + 1 - 1
    scored = ~np.isnan(own)
    count, others = int(scored.sum()), len(gamed.preferences)
    features = np.column_stack(
        [
            np.tanh(np.concatenate([gamed.lengths, lengths[scored]])),
            np.concatenate([gamed.difficulties, np.asarray(difficulties, dtype=float)[scored]]),
            np.repeat([0.0, 1.0], [others, count]),
        ]
    )
    weights = np.repeat([_GAMED_WEIGHT, 1.0], [others, count])
    return _Pairs(features, np.concatenate([gamed.preferences, own[scored]]), weights)


def _best_strength(pairs: _Pairs) -> float:
    """Return the inverse strength of the penalty that predicts left-out pairs best."""
    import numpy as np

    rows = np.arange(len(pairs.preferences))
    folds = require("sklearn.model_selection", extra="eval").GroupKFold(_FOLDS)
    splits = [
        (pairs.part(train[train < len(rows)]), pairs.part(test[test < len(rows)]))
        for train, test in folds.split(np.tile(rows, 2), groups=np.tile(rows, 2))
    ]
    strengths = np.logspace(*_STRENGTHS)
    losses = np.sum([_losses(train, test, strengths) for train, test in splits], axis=0)
    return float(strengths[int(np.argmin(losses))])


def _losses(train: _Pairs, test: _Pairs, strengths: Numbers) -> list[float]:
    """Return the loss of each strength; one generator goes through them, as in `LogisticRegressionCV`."""
    import numpy as np

    generator = np.random.RandomState(_SEED)  # scikit-learn takes no other kind
    return [_loss(test, _coefficients(train, strength, generator)) for strength in strengths]


def _coefficients(pairs: _Pairs, strength: float, generator: np.random.RandomState | int = _SEED) -> Numbers:
    """Fit every pair twice: as preferred, by its preference, and as not preferred, by what is left of it."""
    import numpy as np

    model = require("sklearn.linear_model", extra="eval").LogisticRegression(
        C=strength, l1_ratio=1, solver="liblinear", fit_intercept=False, random_state=generator
    )
    weights = np.concatenate([pairs.preferences, 1 - pairs.preferences]) * np.tile(pairs.weights, 2)
    classes = np.repeat([1, 0], len(pairs.preferences))
    model.fit(np.tile(pairs.features, (2, 1)), classes, sample_weight=weights)
    coefficients: Numbers = model.coef_[0]
    return coefficients


def _loss(pairs: _Pairs, coefficients: Numbers) -> float:
    """Return the mean weighted logarithmic loss."""
    import numpy as np

    predicted = np.clip(1 / (1 + np.exp(-(pairs.features @ coefficients))), _CLIP, 1 - _CLIP)
    gain = pairs.preferences * np.log(predicted) + (1 - pairs.preferences) * np.log(1 - predicted)
    return float(-np.mean(gain * pairs.weights))


def _sigmoid(number: float) -> float:
    return 1 / (1 + math.exp(-number)) if number >= 0 else 1 - 1 / (1 + math.exp(number))


def _warn_of_few(count: int) -> None:
    if count < RELIABLE_FROM:
        msg = f"the length-controlled win rate of {count} preferences is unreliable: at 100 instructions its standard "
        text = f"{msg}deviation is {SPREAD_AT_100} points. Take {RELIABLE_FROM} or more"
        warnings.warn(text, LengthControlWarning, stacklevel=4)
