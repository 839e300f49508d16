import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clay_assets.models import Mask


@given(tokens=st.integers(1, 60), ratio=st.floats(0, 0.99))
@settings(deadline=None)
def test_each_token_is_either_kept_or_hidden(tokens: int, ratio: float):
    mask = Mask.from_noise(torch.rand(2, tokens), ratio)
    assert mask.hidden.shape[1] == int(ratio * tokens)
    assert torch.equal(
        torch.cat([mask.kept, mask.hidden], dim=1).sort(dim=1).values,
        torch.arange(tokens).expand(2, -1),
    )


@given(tokens=st.integers(1, 30), ratio=st.floats(0, 0.99))
@settings(deadline=None)
def test_undo_puts_kept_tokens_back_and_one_vector_for_all_others(tokens: int, ratio: float):
    x, other = torch.rand(2, tokens, 3), torch.full((3,), -1.0)
    mask = Mask.from_noise(torch.rand(2, tokens), ratio)
    found = mask.undo(mask.apply(x), other)
    hidden = mask.matrix(1)[:, 0].bool()
    assert torch.equal(found[~hidden], x[~hidden])
    assert (found[hidden] == -1).all()
