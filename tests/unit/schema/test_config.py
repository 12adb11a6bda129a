"""Pipelines from YAML: what is read, and how everything that is wrong is told."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from sign_etl.core.errors import ConfigError
from sign_etl.schema.config import load_pipeline
from sign_etl.schema.document import DocumentError, read_document, with_settings

GOOD = "name: mine\ndataset:\n  recipe: folder\n"


def problems(text: str, *settings: str) -> list[str]:
    with pytest.raises(DocumentError) as caught:
        load_pipeline(text, settings, origin="p.yaml")
    return [problem.message for problem in caught.value.problems]


def hints(text: str, *settings: str) -> list[str | None]:
    with pytest.raises(DocumentError) as caught:
        load_pipeline(text, settings, origin="p.yaml")
    return [problem.hint for problem in caught.value.problems]


def test_defaults_and_recipe_options() -> None:
    pipeline = load_pipeline(GOOD + "  language: svk\n")
    assert pipeline.dataset.options == {"language": "svk"}
    assert pipeline.normalise.fps == 25.0
    assert pipeline.pose == {"blazepose": {}}


def test_pose_may_be_a_list_or_a_mapping() -> None:
    assert load_pipeline(GOOD + "pose: [a, b]\n").pose == {"a": {}, "b": {}}
    assert load_pipeline(GOOD + "pose: {a: {face: true}}\n").pose == {"a": {"face": True}}
    assert load_pipeline(GOOD + "pose: []\n").pose == {}


def test_settings_lie_on_top() -> None:
    pipeline = load_pipeline(
        GOOD + "pose: [blazepose]\n",
        [
            "normalise.fps=30",
            "normalise.fps=null",
            "select.splits=[train, val]",
            "pose.blazepose.face=true",
            "dataset.language=no",
            "policy.max_failed=1e-2",
            "description=a=b, c: d",
        ][:-1],
    )
    assert pipeline.normalise.fps is None
    assert pipeline.select.splits == ("train", "val")
    assert pipeline.pose == {"blazepose": {"face": True}}
    assert pipeline.dataset.options == {"language": "no"}
    assert pipeline.policy.max_failed == 0.01


def test_unknown_setting_with_place_and_near_miss() -> None:
    text = GOOD + "normalise:\n  short_side: 256\n  fsp: 30\n"
    assert problems(text) == ["p.yaml:6:3: `normalise.fsp` is not a setting"]
    [hint] = hints(text)
    assert hint is not None
    assert hint.startswith("did you mean `fps`?")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("seed: -1", "`seed` must be at least 0, not -1"),
        ("seed: 1.5", "`seed` must be a whole number, not 1.5"),
        ('normalise: {short_side: "480"}', "must be a whole number, not the text `480`"),
        ("normalise: {fps: true}", "`normalise.fps` must be a number, not true"),
        ("normalise: {fps: 0}", "must be more than 0.0, not 0"),
        ("normalise: {fps: .inf}", "must be a number, not the text `.inf`"),
        ("normalise: {crop: bboxx}", "must be `none` or `bbox`, not the text `bboxx`"),
        ("normalise: 7", "`normalise` must be a mapping of settings, not 7"),
        ("normalise:", "`normalise` must be a mapping of settings, not nothing"),
        ("select: {splits: train}", "`select.splits` must be a list, not the text `train`"),
        ("fetch: {allow_private_hosts: 3}", "must be true or false or a list, not 3"),
        ("description: [a]", "`description` must be a text, not a list"),
        ("schema: sign-etl/pipeline/9", "`schema` must be `sign-etl/pipeline/1`"),
        ("pose: {blazepose: 3}", "`pose.blazepose` must be a mapping, not 3"),
        ("pack: {dtype: float8}", "`pack.dtype` must be `float16` or `float32`"),
    ],
)
def test_wrong_values_in_plain_words(line: str, said: str) -> None:
    [problem] = problems(GOOD + line + "\n")
    assert problem.startswith("p.yaml:4:")
    assert said in problem


def test_all_problems_in_reading_order() -> None:
    text = "nmae: x\nseed: -1\ndataset: {name: a}\npack: {shard_clips: 0}\n"
    assert problems(text) == [
        "p.yaml: `name` is missing",
        "p.yaml:1:1: `nmae` is not a setting",
        "p.yaml:2:1: `seed` must be at least 0, not -1",
        "p.yaml:3:1: `dataset.recipe` is missing",
        "p.yaml:4:8: `pack.shard_clips` must be at least 1, not 0",
    ]
    with pytest.raises(DocumentError, match=r"5 problems in p\.yaml"):
        load_pipeline(text, origin="p.yaml")


def test_settings_are_named_as_the_place() -> None:
    assert problems(GOOD, "normalise.gop=0") == [
        "--set normalise.gop=0: `normalise.gop` must be at least 1, not 0"
    ]
    assert problems(GOOD, "policy={max_fialed: 1}") == [
        "--set policy={max_fialed: 1}: `policy.max_fialed` is not a setting"
    ]
    fixed = load_pipeline(GOOD + "seed: -1\n", ["seed=3"])
    assert fixed.seed == 3


@pytest.mark.parametrize("setting", ["", "=", "a", "=3", "a..b=1", ".a=1"])
def test_settings_of_another_form(setting: str) -> None:
    with pytest.raises(ConfigError, match="is no setting"):
        load_pipeline(GOOD, [setting])


def test_settings_through_a_value() -> None:
    with pytest.raises(ConfigError, match="`name` holds no settings"):
        load_pipeline(GOOD, ["name.x=1"])
    with pytest.raises(ConfigError, match="no readable YAML"):
        load_pipeline(GOOD, ["seed=[1"])
    document = read_document(GOOD)
    with_settings(document, ["dataset.recipe=other"])
    assert document.values["dataset"]["recipe"] == "folder"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no mapping of settings"),
        ("- a\n", "no mapping of settings"),
        ("a: b: c\n", "p.yaml:1:5: no readable YAML"),
        ("a: 'b\n", "no readable YAML"),
        ("a: \x07\n", "no readable YAML"),
        ("a: *nobody\n", "no readable YAML"),
        ("[" * 50_000, "no readable YAML"),
        ("a: " + "[" * 40 + "]" * 40, "too many values"),
        ("a: &a {b: *a}\n", "too many values"),
        ("name: x\nname: y\n", "p.yaml:2:1: `name` stands here twice"),
        ("pack: {dtype: float16, dtype: float32}\n", "`pack.dtype` stands here twice"),
        ("? [a]\n: b\n", "a name of a setting must be a text"),
        ("a: !!python/name:os.system x\n", "the tag"),
        ("a: !!binary aGk=\n", "the tag"),
        ("a: !!int abc\n", "`abc` is no number"),
        (f"a: {'9' * 5000}\n", "is no number"),
    ],
)
def test_documents_that_are_refused(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_document(text, origin="p.yaml")
    assert said in caught.value.message


def test_aliases_cannot_grow_without_end() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    with pytest.raises(ConfigError, match="too many values"):
        read_document("\n".join(lines))


def test_ordinary_aliases_are_read() -> None:
    document = read_document("a: &x {b: 1}\nc: *x\n")
    assert document.values == {"a": {"b": 1}, "c": {"b": 1}}


def test_scalars_by_the_rules_of_yaml_1_2() -> None:
    text = (
        "a: [no, yes, on, ~, null, true, 1e-3, 1:30, 010, 0x1F, 2020-01-01, 1_000, '7', .5, -3,"
        " !!str 5]\n"
    )
    assert read_document(text).values["a"] == (
        "no",
        "yes",
        "on",
        None,
        None,
        True,
        0.001,
        "1:30",
        10,
        31,
        "2020-01-01",
        "1_000",
        "7",
        0.5,
        -3,
        "5",
    )


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    for data, said in (
        (b"\xff\xfe\x00", "not UTF-8 text"),
        (b"#" * (1 << 20) + b"##", "larger than 1 MiB"),
    ):
        path.write_bytes(data)
        with pytest.raises(ConfigError, match=said):
            load_pipeline(path)
    with pytest.raises(ConfigError, match="no such file"):
        load_pipeline(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="is a directory"):
        load_pipeline(tmp_path)
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.encode() + "description: Καλημέρα\n".encode())
    assert load_pipeline(path).description == "Καλημέρα"


def test_errors_survive_pickling() -> None:
    with pytest.raises(DocumentError) as caught:
        load_pipeline("a: 1\n")
    copy = pickle.loads(pickle.dumps(caught.value))
    assert copy.problems == caught.value.problems
    assert copy.exit_code == 2
