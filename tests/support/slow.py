"""Which tests take long: `pytest -m "not slow"` leaves them out, and they are started first."""

from __future__ import annotations

# Whatever needs one of these waits for every format to be exported and verified.
SLOW_FIXTURES = {"artefacts", "host_inputs"}

# Files, and single tests of files that are quick otherwise.
SLOW = (
    "tests/bench/test_case.py",
    "tests/bench/test_models.py",
    "tests/bench/test_network.py",
    "tests/bench/test_peers.py",
    "tests/cli/test_bench.py",
    "tests/cli/test_readme.py",
    "tests/csrc/test_dispatch.py::test_the_linker_cannot_share_an_isa_files_code_with_the_baseline",
    "tests/data/test_photo.py::test_digits_photographed_from_paper_are_recognised_like_the_originals",
    "tests/doctor/test_compatibility.py",
    "tests/export/",
    "tests/formats/test_c.py",
    "tests/formats/test_damaged.py",
    "tests/formats/test_foreign_files.py",
    "tests/formats/test_onnx_fused.py",
    "tests/formats/test_onnx_quantize.py",
    "tests/formats/test_onnx_writer.py",
    "tests/formats/test_pt2.py",
    "tests/formats/test_torchscript.py",
    "tests/hosts/test_embedding.py",
    "tests/hosts/test_host_apps.py",
    "tests/nn/test_fusion.py",
    "tests/ops/test_properties.py",
    "tests/ops/test_threads.py",
    "tests/ops/test_torch_op.py",
    "tests/reproduce/test_reproduce.py",
    "tests/runs/test_manifest.py",
    "tests/runtimes/",
    "tests/sweep/",
    "tests/train/test_distributed.py",
    "tests/train/test_family.py",
    "tests/train/test_jobs.py",
    "tests/train/test_native_engine.py::test_log_probabilities_are_those_of_float64",
    "tests/train/test_native_engine.py::test_training_and_resuming_never_import_pytorch",
    "tests/train/test_ray.py",
    "tests/train/test_resume.py",
    "tests/train/test_schedules.py::test_every_engine_updates_as_adamw_in_float64",
    "tests/train/test_train.py",
    "tests/verify/",
)
