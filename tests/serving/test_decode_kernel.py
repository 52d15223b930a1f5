"""The kernel for one new token of each row, against the plain formula in fp32."""

import pytest
import torch

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("window", [None, 100])
@pytest.mark.parametrize(("rows", "heads", "key_heads", "width"), [(1, 24, 8, 128), (70, 9, 3, 64), (3, 4, 4, 80)])
def test_a_token_sees_its_row_up_to_its_end(
    rows: int, heads: int, key_heads: int, width: int, window: int | None, dtype: torch.dtype
) -> None:
    from serving.engine.decode_kernel import decode_attention

    draw = torch.Generator(device="cuda").manual_seed(0)
    ends = torch.randint(0, 1000, (rows,), generator=draw, device="cuda")
    ends[0] = 999 if rows == 1 else 0
    cache = torch.randn(2, rows + 5, key_heads, 1024, width, generator=draw, device="cuda", dtype=dtype)
    keys, values = cache[:, :rows, :, :1000]
    query = torch.randn(rows, heads, width, generator=draw, device="cuda", dtype=dtype)
    found = decode_attention(query, keys, values, ends, 0.1, window)
    for row, end in enumerate(ends.tolist()):
        first = max(0, end + 1 - window) if window else 0
        seen = cache[:, row, :, first : end + 1].float().repeat_interleave(heads // key_heads, 1)
        scores = torch.einsum("hw,hpw->hp", query[row].float(), seen[0]) * 0.1
        expected = torch.einsum("hp,hpw->hw", scores.softmax(-1), seen[1])
        torch.testing.assert_close(
            found[row].float(), expected, atol=1e-5 if dtype == torch.float32 else 0.02, rtol=0.01
        )
