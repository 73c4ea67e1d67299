"""Shapes of a photo model that are compared."""

from __future__ import annotations

import photo_models
import torch

import photo_shapes
from pseudocodec.nets.hyperprior import HyperpriorTransform


def test_without_the_linear_path_all_nets_learn():
    torch.manual_seed(0)
    transform = HyperpriorTransform(photo_models.CONFIG)
    transform.fit_linear(torch.rand(800, 3, 16, 16))
    photo_shapes.without_linear_path(transform)
    pictures = torch.rand(2, 3, 64, 64)
    latents = transform.analyse(pictures)
    decoded = transform.synthesise(latents, torch.tensor([0.0, 1.0]))
    (decoded - pictures).square().mean().backward()
    for net in (transform.analysis, transform.synthesis):
        assert all(float(p.grad.abs().max()) > 0 for p in net.stem.parameters())
    assert latents.std() > 0.01
    assert (decoded - transform.mean[:, None, None]).std() < 0.1  # and begin near a flat picture


def test_each_shape_is_a_job_of_its_own():
    jobs = photo_shapes.jobs()
    assert [job["shape"] for job in jobs] == list(photo_shapes.CONFIGS)
    assert photo_shapes.jobs(("narrow",), None)[0]["choices"] != jobs[1]["choices"]
