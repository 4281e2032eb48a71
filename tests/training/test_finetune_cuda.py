"""Fine-tuning on a GPU: it learns in the precision of the GPU, and a killed run ends where a whole one does."""

from dataclasses import replace

import pytest

from search_app.encoders.open_clip_package import torch
from tests.training.finetune_world import BRIEF, BRISK, World, bytes_in, interrupt_at_step, make_world, register_small

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    register_small(tmp_path_factory.mktemp("architectures"))
    return replace(make_world(tmp_path_factory.mktemp("world")), device="cuda")


def test_it_learns_what_it_has_not_seen(world: World, tmp_path):
    figures = world.tune(tmp_path, BRISK).figures["R@10"]
    assert figures["value"] > figures["original"] + 0.2


@pytest.mark.parametrize("train", ["last:2", "all"])
def test_a_killed_run_ends_in_the_bytes_of_a_whole_one(train, world: World, tmp_path):
    options = replace(BRIEF, train=train)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    world.tune(whole, options)
    for kill in (interrupt_at_step(3), interrupt_at_step(1)):
        with pytest.raises(KeyboardInterrupt):
            world.tune(killed, options, kill)
    world.tune(killed, options)
    assert bytes_in(killed) == bytes_in(whole)
