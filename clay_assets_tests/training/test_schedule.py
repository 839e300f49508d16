from pathlib import Path

import numpy as np
import pytest
import torch

from clay_assets import progress
from clay_assets.errors import InvalidValueError
from clay_assets.training import TrainingConfig
from clay_assets.training.schedule import Budget, make_schedule

LEARNING_RATE_RTOL = 1e-9


def rates(config: TrainingConfig, budget: Budget, steps: int) -> list[float]:
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=config.learning_rate)
    schedule, found = make_schedule(optimiser, config, budget), []
    for _ in range(steps):
        found.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        budget.steps += 1
        schedule.step()
    return found


def test_the_learning_rate_of_the_reference_agrees(goldens: Path):
    golden = np.load(goldens / "clay_v0_tiny.npz")
    config = TrainingConfig(learning_rate=1e-4, schedule="reference", max_steps=10**6)
    last = int(golden["S_lr_steps"].max())
    found = rates(config, Budget(None, 10**6), last + 1)
    expected = golden["S_lr"].tolist()
    assert [found[step] for step in golden["S_lr_steps"]] == pytest.approx(
        expected, rel=LEARNING_RATE_RTOL
    )


def test_one_cycle_rises_to_the_learning_rate_and_fades_out():
    config = TrainingConfig(learning_rate=1e-3, max_steps=100, max_seconds=None)
    found = rates(config, Budget(None, 100), 101)
    assert found.index(max(found)) == 10
    assert max(found) == pytest.approx(1e-3)
    assert found[0] == found[-1] == pytest.approx(1e-5)


def test_a_budget_is_spent_by_steps_or_by_time():
    by_steps, by_time = Budget(None, 4), Budget(1e-9, None)
    by_steps.steps = 1
    assert by_steps.spent == 0.25
    assert by_time.spent > 1
    assert Budget(1e9, 4).spent == pytest.approx(0, abs=1e-6)


def test_a_budget_reports_in_percent():
    budget, seen = Budget(None, 3), []
    with progress.listening(seen.append):
        for budget.steps in range(5):
            budget.report("mine")
    assert [at.done for at in seen] == [0, 33, 66, 100, 100]
    assert seen[0].step == "Training mine"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schedule": "flat"}, "schedule must be one of one_cycle, reference, got 'flat'"),
        ({"mask_ratio": 0.0}, "mask_ratio must be between 0 and 1, got 0.0"),
        ({"loss": "l1"}, "loss must be one of robust, reference, got 'l1'"),
        ({"batch_size": 0}, "batch_size must be 1 or more, got 0"),
        ({"max_seconds": None}, "must be given and positive, got None and None"),
        ({"max_seconds": -1.0}, "must be given and positive, got -1.0 and None"),
        ({"max_steps": 0}, "must be given and positive, got 60.0 and 0"),
    ],
)
def test_an_impossible_config_is_refused(change, message):
    with pytest.raises(InvalidValueError, match=message):
        TrainingConfig(**change)
