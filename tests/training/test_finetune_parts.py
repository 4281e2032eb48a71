"""The parts of a fine-tuning, each against an oracle written here."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="fine-tuning needs torch: pip install -r requirements.txt")

from PIL import Image
from safetensors.torch import save_file

from search_app.encoders.open_clip import OpenClipEncoder
from search_app.encoders.open_clip_checkpoint import Checkpoint
from search_app.encoders.open_clip_package import open_clip, torch
from search_app.errors import TrainingError
from search_app.images.decode import decode_image
from search_app.training.finetune.batches import one_ahead, plan_epoch, same_words
from search_app.training.finetune.data import HoldOut, pairs_of_labels, read_captions, read_pairs
from search_app.training.finetune.loss import backward, hold_scale, loss_of
from search_app.training.finetune.measure import compare, ranks_among_others
from search_app.training.finetune.model import TrainedModel, note_on_pixels, served_architecture
from search_app.training.finetune.options import FinetuneOptions
from search_app.training.finetune.pixels import Pictures, cut
from search_app.training.finetune.weights import choose_weights, interpolate, make_optimizer
from search_app.training.lite.data import Photograph
from tests.training.finetune_world import register_small, small_model

SENTENCES = ["a red ball", "the blue box on a table", "green", "two dogs", "a cat", "words", "a car", "one more"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("architectures")
    register_small(folder)
    return folder


def opened(folder: Path, architecture: str) -> TrainedModel:
    file = folder / f"{architecture}.safetensors"
    if not file.exists():
        save_file(small_model(architecture).state_dict(), file)
    model = TrainedModel.open(f"{architecture}/{file}", "cpu")
    model.train()
    return model


def pairs_for(model: TrainedModel) -> tuple[np.ndarray, torch.Tensor]:
    pixels = np.random.default_rng(0).integers(0, 256, (len(SENTENCES), 32, 32, 3), dtype=np.uint8)
    return pixels, model.tokenize(SENTENCES)


def gradients(model: TrainedModel, micro: int) -> tuple[float, dict[str, torch.Tensor]]:
    """Loss and gradient over all pairs, `micro` of them at a time."""
    learnt = choose_weights(model.module, "all")
    pixels, tokens = pairs_for(model)
    model.module.zero_grad()
    torch.manual_seed(5)
    loss = backward(
        lambda part: model.encode(pixels[part], tokens[part]), loss_of(model.module), len(pixels), micro, model.device
    )
    return loss, {name: weight.grad.clone() for name, weight in learnt.items() if weight.grad is not None}


@pytest.mark.parametrize("architecture", ["small-clip", "small-sigmoid", "small-resnet"])
def test_parts_of_a_batch_give_the_gradient_of_the_whole(architecture, folder):
    model = opened(folder, architecture)
    loss, whole = gradients(model, micro=8)
    loss_of_parts, parts = gradients(model, micro=3)
    assert loss_of_parts == pytest.approx(loss, abs=1e-5)
    assert parts.keys() == whole.keys() >= {"logit_scale"}
    for name, gradient in whole.items():
        torch.testing.assert_close(parts[name], gradient, rtol=1e-3, atol=1e-5, msg=name)


def test_adding_up_the_losses_of_parts_would_be_something_else(folder):
    model = opened(folder, "small-clip")
    loss, whole = gradients(model, micro=8)
    pixels, tokens = pairs_for(model)
    model.module.zero_grad()
    plain = [loss_of(model.module)(*model.encode(pixels[part], tokens[part])) for part in (slice(0, 4), slice(4, 8))]
    plainly = sum(plain) / 2
    plainly.backward()
    assert plainly.item() < loss - 0.3  # fewer negatives are an easier task
    assert not torch.allclose(model.module.visual.proj.grad, whole["visual.proj"], rtol=0.1)


def test_dropout_drops_the_same_in_both_passes(folder):
    model = opened(folder, "small-dropping")
    loss, cached = gradients(model, micro=3)
    pixels, tokens = pairs_for(model)
    model.module.zero_grad()
    torch.manual_seed(5)
    parts = [model.encode(pixels[part], tokens[part]) for part in (slice(0, 3), slice(3, 6), slice(6, 8))]
    value = loss_of(model.module)(*(torch.cat(column) for column in zip(*parts, strict=True)))
    value.backward()
    assert value.item() == pytest.approx(loss, abs=1e-6)
    torch.testing.assert_close(cached["visual.conv1.weight"], model.module.visual.conv1.weight.grad)
    torch.manual_seed(6)
    other = loss_of(model.module)(*model.encode(pixels, tokens))
    assert abs(other.item() - loss) > 1e-4  # it does drop


def test_bf16_computes_nearly_the_same_gradient_in_fp32_weights(folder):
    model = opened(folder, "small-clip")
    loss, full = gradients(model, micro=8)
    for micro in (8, 3):
        half_loss, half = gradients(replace(model, precision="bf16"), micro)
        assert half_loss == pytest.approx(loss, abs=0.02)
        assert half_loss != loss
        assert half.keys() == full.keys()
        assert {gradient.dtype for gradient in half.values()} == {torch.float32}
        for name in ("visual.conv1.weight", "visual.proj", "transformer.resblocks.0.mlp.c_fc.weight"):
            assert torch.nn.functional.cosine_similarity(half[name].flatten(), full[name].flatten(), dim=0) > 0.98


def test_the_losses_are_those_of_the_papers(folder):
    images, texts = (torch.nn.functional.normalize(torch.randn(4, 16), dim=1) for _ in range(2))
    clip, siglip = small_model("small-clip"), small_model("small-sigmoid")
    logits = clip.logit_scale.exp() * images @ texts.T
    own = torch.arange(4)
    info_nce = (torch.nn.functional.cross_entropy(logits, own) + torch.nn.functional.cross_entropy(logits.T, own)) / 2
    assert loss_of(clip)(images, texts).item() == pytest.approx(info_nce.item(), abs=1e-5)
    logits = siglip.logit_scale.exp() * images @ texts.T + siglip.logit_bias
    signs = 2 * torch.eye(4) - 1
    sigmoid = -torch.log(torch.sigmoid(signs * logits)).sum() / 4
    assert loss_of(siglip)(images, texts).item() == pytest.approx(sigmoid.item(), abs=1e-4)


def test_the_scale_stays_below_a_hundred_or_where_it_began(folder):
    model = small_model("small-clip")
    for start, wanted in ((2.0, 100.0), (float(np.log(117)), 117.0)):
        with torch.no_grad():
            model.logit_scale.fill_(9.0)
        hold_scale(model, start)
        assert model.logit_scale.exp().item() == pytest.approx(wanted, rel=1e-4)


def test_statistics_of_batch_norms_stay(folder):
    model = opened(folder, "small-resnet")
    before = {name: value.clone() for name, value in model.module.named_buffers()}
    gradients(model, micro=3)
    assert any("running_mean" in name for name in before)
    assert all(torch.equal(value, before[name]) for name, value in model.module.named_buffers())


@pytest.mark.parametrize(
    ("mode", "parts"),
    [
        ("heads", ("ln_", "visual.proj", "text_projection", "logit_scale")),
        (
            "last:1",
            ("transformer.resblocks.1.", "ln_post", "ln_final", "visual.proj", "text_projection", "logit_scale"),
        ),
        ("all", ("",)),
    ],
)
def test_a_step_changes_the_weights_of_its_mode_and_no_others(folder, mode, parts):
    model = opened(folder, "small-clip")
    before = {name: value.clone() for name, value in model.module.state_dict().items()}
    learnt = choose_weights(model.module, mode)
    optimizer = make_optimizer(learnt, 1e-3, 0.1)
    pixels, tokens = pairs_for(model)
    backward(lambda part: model.encode(pixels[part], tokens[part]), loss_of(model.module), 8, 3, model.device)
    optimizer.step()
    changed = {name for name, value in model.module.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == set(learnt) == {name for name in before if any(part in name for part in parts)}


TOWERS = {
    "ViT-B-16-SigLIP": {
        "last:1": (
            ("visual.trunk.blocks.11.norm1.bias", "visual.trunk.attn_pool.q.bias", "text.text_projection.bias"),
            ("visual.trunk.blocks.10.", "visual.trunk.patch_embed.", "text.token_embedding"),
        ),
        "heads": (
            ("visual.trunk.norm.bias", "visual.trunk.attn_pool.latent", "text.transformer.resblocks.0.ln_1.bias"),
            ("visual.trunk.blocks.11.attn.", "text.token_embedding", "text.transformer.resblocks.0.attn."),
        ),
    },
    "RN50": {
        "last:1": (
            ("visual.layer4.0.conv1.weight", "visual.attnpool.c_proj.bias", "text_projection"),
            ("visual.layer3.", "visual.bn1.", "visual.conv1.", "transformer.resblocks.10."),
        ),
        "heads": (("visual.bn1.weight", "visual.attnpool.c_proj.bias"), ("visual.layer4.0.conv1.",)),
    },
    "MobileCLIP-S1": {
        "last:1": (
            ("visual.trunk.head.fc.weight", "text.ln_final.bias"),
            ("visual.trunk.stem.", "visual.trunk.stages.0"),
        ),
    },
}


@pytest.mark.parametrize("architecture", TOWERS)
def test_towers_of_every_kind_are_known(architecture):
    model = open_clip.create_model(architecture, device="meta")
    for mode, (learnt, left) in TOWERS[architecture].items():
        chosen = choose_weights(model, mode)
        assert {*learnt, "logit_scale"} <= set(chosen)
        assert not [name for name in chosen if name.startswith(left)]
        assert {name for name, weight in model.named_parameters() if weight.requires_grad} == set(chosen)


def test_more_blocks_than_there_are_and_towers_without_are_refused(folder):
    with pytest.raises(TrainingError, match="--train last:3: the towers have 2 blocks at most"):
        choose_weights(small_model(), "last:3")
    with pytest.raises(TrainingError, match="not known; choose all or heads"):
        choose_weights(torch.nn.Linear(2, 2), "last:1")


def test_gains_and_biases_do_not_decay():
    weights = choose_weights(small_model(), "all")
    decaying, others = make_optimizer(weights, 1e-3, 0.2).param_groups
    assert (decaying["weight_decay"], others["weight_decay"]) == (0.2, 0.0)
    assert {weight.ndim for weight in others["params"]} == {0, 1}
    assert len(decaying["params"]) + len(others["params"]) == len(weights)


def test_between_two_models_and_exactly_at_both_ends():
    original = {"weight": torch.tensor([1.0, 3.0]), "count": torch.tensor(7)}
    tuned = {"weight": torch.tensor([2.0, 0.1]), "count": torch.tensor(7)}
    assert torch.equal(interpolate(original, tuned, 0.0)["weight"], original["weight"])
    assert torch.equal(interpolate(original, tuned, 1.0)["weight"], tuned["weight"])
    mixed = interpolate(original, tuned, 0.25)
    torch.testing.assert_close(mixed["weight"], torch.tensor([1.25, 2.275]))
    assert int(mixed["count"]) == 7


def test_the_rate_rises_and_then_falls_to_nothing():
    options = FinetuneOptions(rate=2.0, warm_up=0.25)
    rates = [options.rate_at(position) for position in np.linspace(0, 1, 101)]
    assert rates[0] == 0
    assert rates[25] == max(rates) == 2
    assert rates[:26] == sorted(rates[:26])
    assert rates[25:] == sorted(rates[25:], reverse=True)
    assert rates[-1] == pytest.approx(0, abs=1e-9)
    assert FinetuneOptions(train="heads").peak_rate == 10 * FinetuneOptions(train="last:2").peak_rate


def photographs(count: int, texts: int = 1) -> list[Photograph]:
    return [Photograph(f"{row}.jpg", tuple(f"{row} text {text}" for text in range(texts))) for row in range(count)]


def test_an_epoch_deals_every_picture_once_in_batches_of_about_one_size():
    plan = plan_epoch(photographs(130, texts=3), 64, seed=0, epoch=1)
    assert sorted(row for batch in plan for row in batch.rows) == list(range(130))
    assert sorted(len(batch.rows) for batch in plan) == [42, 44, 44]
    assert all(text.startswith(f"{row} ") for batch in plan for row, text in zip(batch.rows, batch.texts, strict=True))
    assert plan == plan_epoch(photographs(130, texts=3), 64, seed=0, epoch=1)
    assert plan != plan_epoch(photographs(130, texts=3), 64, seed=0, epoch=2)
    assert plan != plan_epoch(photographs(130, texts=3), 64, seed=1, epoch=1)


def test_no_sentence_is_twice_in_a_batch():
    queries = ("Car", "car ", "dog", "tree", "sea")  # the first two are the same words
    pairs = [Photograph(f"{row}.jpg", (queries[row % 5],)) for row in range(50)]
    plan = plan_epoch(pairs, 20, seed=0, epoch=1)
    for batch in plan:
        assert max(Counter(map(same_words, batch.texts)).values()) == 1
        assert 2 <= len(batch.rows) <= 4
    assert sum(len(batch.rows) for batch in plan) >= 40  # of `car` there are more than of the others: some are alone
    assert plan_epoch([Photograph(f"{row}.jpg", ("car",)) for row in range(9)], 4, seed=0, epoch=1) == []


def test_jobs_run_one_ahead_in_order_and_their_errors_come_through():
    begun = []

    def job(number: int) -> int:
        begun.append(number)
        return 1 // (3 - number)

    results = one_ahead(lambda n=n: job(n) for n in range(5))
    assert [next(results) for _ in range(3)] == [0, 0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert begun[:4] == [0, 1, 2, 3]


def test_ranks_pass_over_other_pictures_with_the_same_words_and_ties_count_against():
    random = np.random.default_rng(0)
    images, texts = random.normal(size=(30, 8)).astype(np.float32), random.normal(size=(45, 8)).astype(np.float32)
    owners = np.sort(random.integers(0, 30, 45))
    sentences = [f"Query {row % 7}" if row % 3 else f"query  {row % 7}" for row in range(45)]
    scores = texts @ images.T
    naive = []
    for row, owner in enumerate(owners):
        fitting = {owners[other] for other in range(45) if other % 7 == row % 7}
        naive.append(sum(scores[row, place] >= scores[row, owner] for place in range(30) if place not in fitting))
    assert ranks_among_others(images, texts, sentences, owners).tolist() == naive
    same = np.ones((12, 4), np.float32)
    found = ranks_among_others(same, same, [str(row) for row in range(12)], np.arange(12))
    assert found.tolist() == [11] * 12  # a model that says the same of everything finds nothing


def test_figures_are_shares_and_the_gain_has_an_interval():
    owners = np.repeat(np.arange(40), 2)
    before, after = np.full(80, 7), np.full(80, 7)
    after[:40] = 0
    figures = compare(before, after, owners)
    assert (figures["R@1"]["original"], figures["R@1"]["value"], figures["R@1"]["gain"]) == (0, 0.5, 0.5)
    assert 0.3 < figures["R@1"]["gain_low"] < 0.5 < figures["R@1"]["gain_high"] < 0.7
    assert figures["R@10"]["gain"] == figures["R@10"]["gain_low"] == figures["R@10"]["gain_high"] == 0
    assert figures["R@10"]["value"] == 1


def test_a_cut_keeps_its_share_and_shape_and_differs_from_draw_to_draw():
    picture = Image.effect_noise((400, 200), 90).convert("RGB")
    cuts = [cut(picture, 0.8, np.random.default_rng(seed)) for seed in range(30)]
    for part in cuts:
        assert 0.79 <= part.width * part.height / (400 * 200) <= 1
        assert part.width / part.height == pytest.approx(2, abs=0.02)
    assert len({part.tobytes() for part in cuts}) == 30
    assert cut(picture, 1.0, np.random.default_rng(0)).tobytes() == picture.tobytes()
    assert cut(picture, 0.8, np.random.default_rng(3)).tobytes() == cuts[3].tobytes()


def test_training_sees_the_pixels_that_serving_sees(folder, tmp_path):
    model = opened(folder, "small-clip")
    random = np.random.default_rng(0)
    for name, size in (("large.jpg", (900, 1300)), ("small.png", (20, 31))):
        Image.fromarray(random.integers(0, 256, (*size, 3), dtype=np.uint8)).save(tmp_path / name)
    encoder = OpenClipEncoder.load(model.base, device="cpu")
    with Pictures(tmp_path, model.transform, 10**8) as pictures:
        prepared = pictures.prepared(["large.jpg", "small.png"])
        uncut = pictures.varied(["large.jpg", "small.png"], 1.0, [(0, 0), (0, 1)])
    for name, pixels in zip(("large.jpg", "small.png"), prepared, strict=True):
        served = decode_image(tmp_path / name, max_pixels=10**8, min_size=encoder.spec.image_size).image
        np.testing.assert_array_equal(pixels, encoder.prepare(served))
    np.testing.assert_array_equal(uncut, prepared)
    vectors = model.encode(prepared, None)[0].detach().numpy()
    np.testing.assert_allclose(vectors, encoder.encode_images(prepared), rtol=0, atol=1e-5)


def published(name: str) -> Checkpoint:
    architecture, tag = name.split("/")
    config = open_clip.get_pretrained_cfg(architecture, tag)
    return Checkpoint(name, architecture, Path("x"), bool(config.get("quick_gelu")), config)


def test_tuned_weights_are_served_with_the_activation_of_the_base():
    assert served_architecture(published("ViT-B-32/openai")) == "ViT-B-32-quickgelu"
    assert served_architecture(published("ViT-B-32-quickgelu/openai")) == "ViT-B-32-quickgelu"
    assert served_architecture(published("ViT-B-32/laion2b_s34b_b79k")) == "ViT-B-32"
    with pytest.raises(TrainingError, match="no architecture coca_base-quickgelu"):
        served_architecture(replace(published("ViT-B-32/openai"), architecture="coca_base"))


def test_a_base_whose_pictures_are_served_otherwise_is_noted():
    served = Checkpoint("", "ViT-L-14", Path("x"), quick_gelu=False, preprocess={})
    assert note_on_pixels(published("ViT-L-14/openai"), served) == ""
    assert "mean (0.48145466" in note_on_pixels(published("ViT-L-14/laion2b_s32b_b82k"), served)
    squashed = {"mean": (0.5,) * 3, "std": (0.5,) * 3, "resize_mode": "squash"}
    assert note_on_pixels(published("ViT-B-16-SigLIP/webli"), replace(served, preprocess=squashed)) == ""


def test_captions_keep_their_dev_split_and_without_one_a_share_is_held_out(tmp_path):
    names = [f"{number}.jpg" for number in range(40)]
    path = tmp_path / "captions.json"

    def write(dev: int) -> None:
        splits = ["dev"] * dev + ["train"] * (35 - dev) + ["test"] * 5
        entries = (
            f'"{name}": {{"split": "{split}", "captions": ["a"]}}' for name, split in zip(names, splits, strict=True)
        )
        path.write_text(f"{{{', '.join(entries)}}}")

    write(dev=10)
    given = read_captions(path, HoldOut())
    assert [each.file for each in given.dev] == sorted(names[:10])
    assert len(given.train) == 25
    write(dev=0)
    first, again, other = (read_captions(path, HoldOut(0.2, seed)) for seed in (0, 0, 1))
    assert (len(first.dev), len(first.train)) == (7, 28)
    assert not {each.file for each in first.dev} & {each.file for each in first.train}
    assert first == again != other


def test_pairs_of_a_picture_stay_together(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text("b.jpg\tone\na b.jpg\ttwo\n\nb.jpg\tthree\nb.jpg\tone\nc.jpg\t four \n")
    pairs = read_pairs(path, HoldOut(0.3))
    together = {each.file: each.captions for each in (*pairs.train, *pairs.dev)}
    assert together == {"a b.jpg": ("two",), "b.jpg": ("one", "three"), "c.jpg": ("four",)}
    assert len(pairs.dev) == 1


@pytest.mark.parametrize("line", ["no tab", "\ttext", "a.jpg\t "])
def test_a_wrong_line_is_named(tmp_path, line):
    (tmp_path / "pairs.tsv").write_text(f"a.jpg\ttext\n{line}\n")
    with pytest.raises(TrainingError, match=r"pairs\.tsv, line 2: expected `path<TAB>text`"):
        read_pairs(tmp_path / "pairs.tsv", HoldOut())


def test_only_what_was_judged_relevant_is_learnt_from():
    topics = {"q1": "a car", "q2": "the sea"}
    grades = {"q1": {"a.jpg": 2, "b.jpg": 0}, "q2": {"a.jpg": 1, "c.jpg": 1}}
    pairs = pairs_of_labels(topics, grades, HoldOut(0.5), "qrels.txt")
    assert {each.file: each.captions for each in (*pairs.train, *pairs.dev)} == {
        "a.jpg": ("a car", "the sea"),
        "c.jpg": ("the sea",),
    }
    with pytest.raises(TrainingError, match=r"qrels\.txt: query q2 is judged but has no text"):
        pairs_of_labels({"q1": "a car"}, grades, HoldOut(), "qrels.txt")
    with pytest.raises(TrainingError, match=r"--dev-share 1\.5"):
        HoldOut(1.5)
