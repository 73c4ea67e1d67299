"""Building blocks: what they are before training, and what gradients they let through."""

from __future__ import annotations

import pytest
import torch

from pseudocodec.nets.blocks import Mixer, RateEmbedding, Residual, Whiten


@pytest.fixture
def latents() -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(500, 3) * torch.tensor([0.5, 1.0, 4.0]) + torch.tensor([0.0, -2.0, 7.0])


class TestWhiten:
    @pytest.mark.parametrize("training", [False, True])
    @torch.no_grad()
    def test_uses_the_running_statistics(self, latents: torch.Tensor, training: bool) -> None:
        whiten = Whiten(3)
        whiten.mean.copy_(torch.tensor([1.0, 2.0, 3.0]))
        whiten.variance.copy_(torch.tensor([4.0, 9.0, 0.25]))
        expected = (latents - torch.tensor([1.0, 2.0, 3.0])) / torch.tensor([2.0, 3.0, 0.5])
        torch.testing.assert_close(whiten.train(training)(latents), expected, atol=1e-4, rtol=1e-4)

    @torch.no_grad()
    def test_only_training_moves_the_statistics(self, latents: torch.Tensor) -> None:
        whiten = Whiten(3, momentum=0.1).eval()
        whiten(latents)
        torch.testing.assert_close(whiten.mean, torch.zeros(3))
        whiten.train()(latents)
        torch.testing.assert_close(whiten.mean, 0.1 * latents.mean(0))
        expected = 0.9 + 0.1 * latents.var(0, correction=0)
        torch.testing.assert_close(whiten.variance, expected)

    def test_a_latent_gains_nothing_by_growing_or_moving(self, latents: torch.Tensor) -> None:
        whiten = Whiten(3)
        given = latents.clone().requires_grad_(True)
        whiten(given).pow(3).sin().sum().backward()
        assert given.grad is not None
        size = given.grad.abs().sum(0)
        assert torch.all(size > 1)
        # Terms of either sign cancel, to rounding and to the 1e-6 that is added to a variance.
        assert torch.all(given.grad.sum(0).abs() < 1e-4 * size)
        centred = latents - latents.mean(0)
        assert torch.all((given.grad * centred).sum(0).abs() < 1e-4 * size)

    def test_recalibration_takes_the_statistics_of_all_batches(self, latents: torch.Tensor) -> None:
        whiten = Whiten(3)
        whiten.recalibrate(latents.split([100, 399, 1]))
        out = whiten.eval()(latents)
        torch.testing.assert_close(out.mean(0), torch.zeros(3), atol=1e-5, rtol=0)
        torch.testing.assert_close(out.var(0, correction=0), torch.ones(3), atol=1e-4, rtol=0)

    def test_a_constant_latent_stays_finite(self) -> None:
        """Squares of a large mean round: their difference must not become negative."""
        whiten = Whiten(50)
        batch = torch.rand(1, 50).mul(1000).expand(333, 50)
        whiten.recalibrate([batch])
        assert torch.all(whiten.variance >= 0)
        assert torch.isfinite(whiten.eval()(batch)).all()


@torch.no_grad()
def test_a_mixer_starts_as_the_identity() -> None:
    x = torch.randn(2, 4, 3, 5)
    torch.testing.assert_close(Mixer(4, 15)(x), x)


@torch.no_grad()
def test_a_mixer_carries_news_to_every_place() -> None:
    torch.manual_seed(0)
    mixer = Mixer(4, 15)
    torch.nn.init.normal_(mixer.second.weight)
    x = torch.randn(1, 4, 3, 5)
    changed = x.clone()
    changed[0, :, 0, 0] += torch.randn(4)
    moved = (mixer(changed) - mixer(x)).abs().amax(1)
    assert torch.all(moved > 1e-5)


@torch.no_grad()
def test_a_residual_block_starts_as_a_shift_at_most() -> None:
    block = Residual(4, condition=3)
    x = torch.randn(2, 4, 6, 6)
    added = block(x, torch.randn(2, 3)) - x
    torch.testing.assert_close(added, block.second.bias[:, None, None].expand_as(added))


@torch.no_grad()
def test_the_rate_is_embedded_for_each_picture() -> None:
    embedding = RateEmbedding(8)
    out = embedding(torch.tensor([-10.0, -3.0, -3.0]))
    assert out.shape == (3, 8)
    torch.testing.assert_close(out[1], out[2])
    assert not torch.allclose(out[0], out[1])
