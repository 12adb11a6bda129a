"""Video networks outside of torch say the same, in both signatures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sign_etl.models.base import MODELS, Frames  # noqa: E402
from sign_etl.tasks.base import Exportable  # noqa: E402
from sign_etl.tasks.outside_video import drawn, frames_face, said  # noqa: E402

GIVEN = Frames(4, 32, 32)


def network(name: str, **options: Any) -> Any:
    torch.manual_seed(0)
    plugin = MODELS.get(name)
    chosen = plugin.options({"frames": 4, "picture": 32, **options})
    model: Any = plugin.build(chosen, inputs=GIVEN, outputs=5).eval()
    with torch.no_grad():
        # A new head is nearly 0, and so would be every difference.
        torch.nn.init.normal_(model.head.weight)
    return model


def face_of(model: Any, signature: Any) -> Exportable:
    example = {"frames": torch.zeros(1, 4, 3, 32, 32), "mask": torch.ones(1, 4, dtype=torch.bool)}
    return frames_face(Exportable(model, example, ("output",), {}), GIVEN, signature, "islr")


def example(face: Exportable) -> tuple[Any, ...]:
    return tuple(drawn(face, 2).values())


@pytest.mark.parametrize("signature", ["clip", "views"])
@pytest.mark.filterwarnings("ignore")
def test_onnx_says_what_torch_says(signature: str) -> None:
    pytest.importorskip("onnxscript")
    onnxruntime = pytest.importorskip("onnxruntime")
    model = network("video-mae", size="tiny")
    face = face_of(model, signature)
    [(name, axes)] = face.dynamic.items()
    free = {axis: torch.export.Dim(word, max=64) for axis, word in axes.items()}
    with torch.no_grad():
        program: Any = torch.onnx.export(
            face.module,
            example(face),
            input_names=[name],
            output_names=["output"],
            dynamic_shapes=(free,),
            opset_version=18,
            dynamo=True,
            verbose=False,
        )
    session = onnxruntime.InferenceSession(program.model_proto.SerializeToString())
    for count in (1, 3):
        inputs = drawn(face, count)
        [found] = session.run(None, {name: inputs[name].numpy()})
        np.testing.assert_allclose(found, said(model, inputs).numpy(), atol=1e-4)


@pytest.mark.parametrize("signature", ["clip", "views"])
@pytest.mark.filterwarnings("ignore")
def test_torchscript_says_what_torch_says(signature: str) -> None:
    """MViTv2, whose traces hold shapes that must not be those of the example."""
    model = network("slovo", network="mvitv2-tiny")
    face = face_of(model, signature)
    trace: Any = torch.jit.trace
    with torch.no_grad():
        script = trace(face.module, example(face), check_trace=False)
        for count in (1, 3):
            inputs = drawn(face, count)
            found = script(*inputs.values()).numpy()
            np.testing.assert_allclose(found, said(model, inputs).numpy(), atol=1e-4)
