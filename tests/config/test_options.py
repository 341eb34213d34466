"""Values that no run can work with: one sentence, before there is a folder and before any data is read."""

import json
import re
import shlex

import pytest
from tests.tiny import TINY, configured

from fusion.config.errors import UserError
from fusion.config.render import Size
from fusion.config.schema import load_config
from fusion.training.run import check

A_SHARE = "must be a number from 0 to 1."
BELOW_ONE = "must be a number from 0 to below 1"
RATE = "must be a number above 0, or null"
WHOLE = "must be a whole number"
WIDTHS = "must be a list of whole numbers of at least 1, such as [1024,512], or [] for none"
WRONG = [
    ("input_shape=null", WHOLE),
    ("input_shape=0", "must be a whole number of at least 8"),
    ("epochs=0", "must be a whole number of at least 1"),
    ("epochs=true", WHOLE),
    ("seed=abc", WHOLE),
    ("seed=-1", WHOLE),
    ("num_workers=-1", WHOLE),
    ("patience=abc", "must be a whole number of at least 0, or null"),
    ("gradient_clip_val=abc", "must be a number above 0, such as 1.0, or null"),
    ("gradient_clip_val=0", "must be a number above 0"),
    ("lr=-1", "must be a number above 0"),
    ("lr=fast", "must be a number above 0, such as 0.001, or search"),
    ("lr=true", "must be a number above 0, such as 0.001, or search"),
    ("lr=nan", "must be a number above 0"),
    ("folds=1", "must be a whole number of at least 2, or null"),
    ("folds=abc", "must be a whole number of at least 2, or null"),
    ("name=5", "must be a word"),
    ("precision=foo", "is not known; it is one of auto, 32-true, 16-mixed, bf16-mixed,"),
    ("device=gpu", "is not known"),
    ("table=resluts", "did you mean results?"),
    ("rerun=maybe", "it is one of true, false"),
    ("source_size=abc", "say 680x500"),
    ("fusion.hidden=128", WIDTHS),
    ("fusion.hidden=[a]", WIDTHS),
    ("fusion.hidden=[0]", WIDTHS),
    ("fusion.dropout=2", BELOW_ONE),
    ("fusion.modality_dropout=1.5", A_SHARE),
    ("loss=5", "must be given by its parts: loss.label_smoothing,"),
    ("loss.label_smoothing=abc", BELOW_ONE),
    ("loss.label_smoothing=null", BELOW_ONE),
    ("loss.l1=0.001", "must be given by its parts: loss.l1.weights, loss.l1.bias, loss.l1.activity."),
    ("loss.l2=null", "must be given by its parts: loss.l2.weights"),
    ("loss.class_weights=inverse", "it is one of none, root, balanced"),
    ("+loss.l1.kernel=0.1", "it is one of weights, bias, activity"),
    ("loss.l2.bias=-1", "must be a number of at least 0"),
    ("loss.l2.weights=abc", "must be a number of at least 0"),
    ("schedule.name=cosin", "did you mean cosine?"),
    ("schedule.warmup=1.5", WHOLE),
    ("schedule.warmup=-1", WHOLE),
    ("schedule.factor=2", "must be a number above 0 and below 1"),
    ("schedule.factor=abc", "must be a number above 0 and below 1"),
    ("schedule.patience=-1", WHOLE),
    ("optimizer.name=lion", "it is one of adam, adamw, rmsprop, sgd"),
    ("optimizer.name=adm", "did you mean adam?"),
    ("optimizer.weight_decay=abc", "must be a number of at least 0"),
    ("optimizer.weight_decay=-1", "must be a number of at least 0"),
    ("optimizer=rmsprop optimizer.alpha=2", BELOW_ONE),
    ("optimizer=sgd optimizer.nesterov=5", "it is one of true, false"),
    ("optimizer=sgd optimizer.momentum=0", "pass optimizer.momentum=0.9"),
    ("augment.name=foo", "it is one of code, heig, none, notebook, rakuten"),
    ("augment=code augment.zoom=3", BELOW_ONE),
    ("augment=code augment.shift=far", A_SHARE),
    ("augment=code augment.zoom=-1", BELOW_ONE),
    ("augment=heig augment.rotation=far", "must be a number from 0 to 180"),
    ("+augment.zom=0.1", "did you mean zoom?"),
    ("backbone.name=mobilnetv2", "did you mean mobilenetv2?"),
    ("backbone.model=null", "any model that timm knows"),
    ("backbone.lr=abc", RATE),
    ("backbone.lr=0", RATE),
    ("backbone.lr_decay=abc", "must be a number above 0 and at most 1"),
    ("backbone.model=densnet121", "did you mean densenet121?"),
    ("backbone=none text=none", "leave nothing to learn from"),
    ("'backbone.freeze={0: all}'", "epochs are 1, 2"),
    ("'backbone.freeze={x: all}'", "epochs are 1, 2"),
    ("'backbone.freeze=last 3'", "'all but 12' for the last 12"),
    ("backbone.num_styles=-1", "must be a whole number of at least 1, or null"),
    ("backbone.num_styles=0", "must be a whole number of at least 1, or null"),
    ("backbone.freeze=some", "'all but 12' for the last 12"),
    ("backbone.batchnorm=adpt", "did you mean adapt?"),
    ("backbone.pooling=max", "it is one of gap, flatten"),
    ("backbone.channels=true", "it is one of 3, 1"),
    ("backbone.weights=nowhere", "nor an existing file or folder"),
    ("backbone.weights=null", "or an existing file or folder"),
    ("backbone.model=resnet50 backbone.weights=code", "holds weights of mobilenetv2_100 and reader, not of resnet50"),
    ("text.lr_decay=abc", "must be a number above 0 and at most 1"),
    ("text.freeze=some", "'all but 12' for the last 12"),
    ("text.weights=nowhere", "nor an existing file or folder"),
    ("text.fallback=nanno", "did you mean nano?"),
    ("text.max_tokens=abc", WHOLE),
    ("text=nano text.ngram_dropout=1", BELOW_ONE),
    ("text.fallback=hf", "it is one of nano, scratch, ladder, null"),
    ("render.crop_size=0", WHOLE),
    ("render.view=random_crop render.crop_size=900", "is more than the source picture's shorter side, 256"),
    ("render.view=tiles render.tile_size=64 render.mode=direct", "draws no tiles"),
    ("render.font_size=[20,10]", "write the lower end first"),
    ("render.window=mak", "did you mean mac?"),
    ("render.line_numbers=3", "true, false or a share between 0 and 1"),
    ("+render.fontsize=3", "did you mean font_size?"),
    ("input_shape=224x100", "the side of a square picture"),
    ("fold=0", "must be a whole number from 0 to below folds=None"),
    ("folds=3 data=csv data.path=x +data.streaming=true", "folds deal out the projects of a table"),
    ("folds=3 fold=3", "must be a whole number from 0 to below folds=3"),
    ("pretraining=5", "must be given by its parts: pretraining.steps,"),
    ("experiment=pretrain_image pretraining.steps=abc", WHOLE),
    ("experiment=pretrain_image pretraining.steps=0", "of at least 1"),
    ("experiment=pretrain_image pretraining.save_every=0", "of at least 1"),
    ("experiment=pretrain_image pretraining.eval_every=0", "of at least 1"),
    ("experiment=pretrain_image pretraining.cooldown=2", "must be a number from 0 to 1"),
    ("experiment=pretrain_image pretraining.highlights=[neutrl]", "must be a list of highlights"),
]


@pytest.mark.parametrize(("typed", "says"), WRONG)
def test_a_value_that_cannot_be_is_named_with_those_that_can(typed, says):
    with pytest.raises(UserError, match=re.escape(says)) as caught:
        check(configured(*shlex.split(typed)))
    sentence, option = str(caught.value), shlex.split(typed)[-1].strip("+")
    assert "\n" not in sentence and sentence.endswith(".")
    assert option.partition("=")[0].removesuffix(".name").rpartition(".")[2] in sentence, "which option it is"


@pytest.mark.parametrize(
    "typed",
    [
        "precision=16", "precision='32'", "precision=bf16", "precision=16-mixed", "gradient_clip_val=1", "lr=search", "lr=1",
        "patience=null", "seed=0", "loss.l1={weights: 1e-4}", "fusion.hidden=[]", "fusion.dropout=0",
        "backbone.freeze={1: all, 3: all but 12}", "backbone.num_styles=null", "backbone.channels=1",
        "backbone.weights=code", "text.fallback=null", "source_size=680x500", "render.highlight=true",
    ],
)  # fmt: skip
def test_what_can_be_is_let_through(typed):
    check(configured(typed))


def test_a_configuration_is_the_same_after_a_round_through_a_record():
    for typed in ([], ["text=nano", "backbone.freeze={1: all, 3: all but 12}"], ["row=heig_tiles_34"], ["folds=3"]):
        config = configured(*typed)
        assert load_config(json.loads(json.dumps(config.to_dict()))) == config


def test_sizes_are_parsed_once_into_values_with_names():
    config = configured("source_size=680x500", "input_shape=96x96")
    assert config.source_size == Size(width=680, height=500) and config.input_shape == 96


@pytest.mark.parametrize("typed", ["loss.l1=0.001", "patience=abc"])
def test_on_the_command_line_there_is_a_sentence_and_no_folder(call, corpus, tmp_path, typed):
    done = call("train", *TINY, f"data.path={corpus}", typed, cwd=tmp_path)
    assert done.returncode == 1 and done.stderr.startswith(f"error: {typed} must be ")
    assert not [*tmp_path.iterdir()]


def test_of_folds_in_a_sweep_too(call, corpus, tmp_path):
    done = call("train", "-m", *TINY, f"data.path={corpus}", "folds=1,abc", cwd=tmp_path)
    assert done.returncode == 3 and "Traceback" not in done.stderr
    for value in ("1", "abc"):
        assert f"error: folds={value} must be a whole number of at least 2, or null." in done.stderr


def test_a_dry_run_says_it_in_its_list(call, corpus, tmp_path):
    done = call("train", "-m", *TINY, f"data.path={corpus}", "dry_run=true", "gradient_clip_val=0,abc", cwd=tmp_path)
    assert done.returncode == 3 and done.stdout.count("cannot run: gradient_clip_val=") == 2
    assert "cannot run: gradient_clip_val=abc must be a number above 0" in done.stdout
