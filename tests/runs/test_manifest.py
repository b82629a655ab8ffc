"""A run whose weights are not those of its manifest is refused, and can be repaired."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import cnnkit
from cnnkit.errors import InputError
from cnnkit.formats.checkpoint import read_weights, write_tensors, write_weights
from cnnkit.graph.weights import Weights
from cnnkit.runs.find import find_weights
from cnnkit.runs.state import read_state, write_state
from cnnkit.train.trainer import TrainConfig, train


def write_old(path: Path, weights: Weights) -> None:
    """Write a weights file as cnnkit 0.1 did, without a checksum."""
    from safetensors.numpy import save_file

    header = {
        "format_version": 1,
        "architecture": weights.architecture.to_json(),
        "metadata": dict(weights.metadata),
    }
    save_file(dict(weights.tensors), path, {"cnnkit": json.dumps(header, sort_keys=True)})


@pytest.fixture
def short_run(tmp_path: Path, small_data: Path) -> Path:
    """A finished run of one epoch over little data."""
    folder = tmp_path / "run"
    train(TrainConfig(data=small_data, epochs=1, output=folder), pictures=False)
    return folder


@pytest.fixture
def damaged(short_run: Path, tmp_path: Path) -> Path:
    """A finished run of cnnkit 0.1 two of whose weights have changed on the disk."""
    file = short_run / "weights.safetensors"
    weights = read_weights(file)
    tensors = {name: tensor.copy() for name, tensor in weights.tensors.items()}
    tensors["linear.weight"][3, 5:7] *= -4
    write_old(file, Weights.of(weights.architecture, tensors, weights.metadata))
    return short_run


@pytest.mark.parametrize("command", ["eval", "verify", "export", "embed"])
def test_every_command_refuses_a_run_with_other_weights(
    cli: Callable[..., Any], damaged: Path, command: str
) -> None:
    more = ["--host", "python", "-o", damaged / "app"] if command == "embed" else []
    result = cli(command, damaged, *more)
    assert result.exit_code == 2
    text = result.stderr.replace("\n", " ")
    assert "is not the network that manifest.json beside it tells of" in text
    assert "it differs in its parameters" in text


def test_the_weights_file_by_its_own_name_is_refused_too(damaged: Path) -> None:
    with pytest.raises(InputError, match="it differs in its parameters"):
        cnnkit.load(damaged / "weights.safetensors")


def test_other_names_than_the_manifests_are_refused(short_run: Path) -> None:
    file = short_run / "weights.safetensors"
    weights = read_weights(file)
    other = [*weights.names[1:], "x"]
    write_old(file, Weights.of(weights.architecture, weights.tensors, {"names": other}))
    with pytest.raises(InputError, match="it differs in names"):
        find_weights(short_run)


def test_resuming_writes_damaged_weights_again(cli: Callable[..., Any], damaged: Path) -> None:
    kept = read_state(damaged).weights().sha256
    result = cli("train", "--resume", damaged)
    assert result.exit_code == 0, result.stderr
    assert read_weights(find_weights(damaged)).sha256 == kept
    again = cli("train", "--resume", damaged)
    assert again.exit_code == 2
    assert "is a finished run" in again.stderr


def test_a_flipped_bit_in_a_run_is_refused_with_a_remedy_that_works(
    cli: Callable[..., Any], short_run: Path
) -> None:
    file = short_run / "weights.safetensors"
    whole = file.read_bytes()
    file.write_bytes(whole[:-3] + bytes([whole[-3] ^ 64]) + whole[-2:])
    with pytest.raises(InputError, match=r"is damaged.*with `cnnkit train --resume"):
        find_weights(short_run)
    assert cli("train", "--resume", short_run).exit_code == 0
    assert file.read_bytes() == whole
    (short_run / "resume.safetensors").unlink()
    file.write_bytes(whole[:-1])
    with pytest.raises(InputError, match="Use the file that training wrote"):
        find_weights(short_run)


def test_weights_that_are_newer_than_the_manifest_are_taken(short_run: Path) -> None:
    """A training that was killed between the two has left them so; the state comes first."""
    state = read_state(short_run)
    state.kept["linear.bias"] += 1
    state.history.append({**state.history[0], "epoch": 2})
    write_state(short_run, state)
    write_weights(short_run / "weights.safetensors", state.weights())
    assert read_weights(find_weights(short_run)).sha256 == state.weights().sha256


def test_a_manifest_of_other_weights_is_refused_with_a_remedy_that_works(
    cli: Callable[..., Any], short_run: Path
) -> None:
    file = short_run / "manifest.json"
    stated = json.loads(file.read_text())
    for damage in ({"weights_sha256": "00" * 32}, {"weights_sha256": 5, "epochs": None}):
        file.write_text(json.dumps({**stated, **damage}))
        with pytest.raises(InputError, match=r"manifest\.json: tells of another network"):
            find_weights(short_run)
        assert cli("train", "--resume", short_run).exit_code == 0
        assert json.loads(file.read_text())["weights_sha256"] == stated["weights_sha256"]
        find_weights(short_run)


def test_a_manifest_that_is_no_json_is_refused(short_run: Path) -> None:
    (short_run / "manifest.json").write_text('{"weights_sha256": "ab')
    with pytest.raises(InputError, match=r"manifest.json: is damaged"):
        find_weights(short_run)


def test_another_programs_manifest_is_left_alone(short_run: Path, tmp_path: Path) -> None:
    shutil.copy(short_run / "weights.safetensors", tmp_path)
    for text in ('{"name": "app"}', "[]", '{"weights_sha256": null}'):
        (tmp_path / "manifest.json").write_text(text)
        assert find_weights(tmp_path) == tmp_path / "weights.safetensors"


def test_states_of_cnnkit_0_1_are_read_and_their_damage_is_found(short_run: Path) -> None:
    from safetensors.numpy import load_file, save_file

    from cnnkit.formats.checkpoint import read_tensors
    from cnnkit.runs.state import STATE_FILE

    path = short_run / STATE_FILE
    tensors, header = read_tensors(path)
    whole = read_state(short_run)
    old = {key: value for key, value in header.items() if key != "sha256"}
    save_file(tensors, path, {"cnnkit": json.dumps(old)})
    with pytest.raises(InputError, match="is damaged or not a training state"):
        read_state(short_run)  # without any checksum
    old["digest"] = old_digest(tensors, old)
    save_file(tensors, path, {"cnnkit": json.dumps(old)})
    assert read_state(short_run).weights().sha256 == whole.weights().sha256
    tensors = load_file(path)
    tensors["kept/linear.bias"][0] += 1
    save_file(tensors, path, {"cnnkit": json.dumps(old)})
    with pytest.raises(InputError, match="is damaged or not a training state"):
        read_state(short_run)


def old_digest(tensors: dict[str, Any], header: dict[str, Any]) -> str:
    import hashlib

    rest = {key: value for key, value in header.items() if key != "format_version"}
    digest = hashlib.sha256(json.dumps(rest, sort_keys=True).encode())
    for name in sorted(tensors):
        digest.update(name.encode() + tensors[name].tobytes())
    return digest.hexdigest()


def test_a_state_with_a_flipped_bit_or_without_parts_is_refused(short_run: Path) -> None:
    path = short_run / "resume.safetensors"
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="is damaged"):
        read_state(short_run)
    write_tensors(path, {}, {"kind": "training state", "architecture": {}})
    with pytest.raises(InputError):
        read_state(short_run)
