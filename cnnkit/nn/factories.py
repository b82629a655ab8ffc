"""Modules that a person names: `make_module("torchvision:resnet18", 3, 10, seed=0)`.

`package.module:factory` is a function, or a class of modules. It is called with the number of
classes as num_classes or classes, and that of channels as in_channels, in_chans or channels, where
these are known and it has parameters with these names. Weights are drawn, and never downloaded.
"""

from __future__ import annotations

import importlib
import inspect
import sys
import warnings
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import torch
from torch import nn

from cnnkit.errors import InputError, MissingError

CLASSES = ("num_classes", "classes")
CHANNELS = ("in_channels", "in_chans", "channels")
# With outputs that are for training only, and how the names of their parameters begin.
AUXILIARY = {"googlenet": ("aux1.", "aux2."), "inception_v3": ("AuxLogits.",)}
Count = int | None
NATURAL = 3  # channels that torchvision's networks take


def make_module(
    spec: str, channels: int | None = None, classes: int | None = None, seed: int = 0
) -> nn.Module:
    """Return a module with drawn parameters.

    Args:
        spec: "package.module:factory", "torchvision:NAME" or "timm:NAME".
        channels: of an image; None is the network's own number.
        classes: the number of scores; None as well.
        seed: determines the parameters.

    Raises:
        InputError: there is no such factory, or it fails.
        MissingError: torchvision or timm is not installed.
    """
    source, _, name = spec.partition(":")
    make = SOURCES.get(source, _person)(spec, name, channels, classes)
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(seed)
        try:
            module = make()
        except Exception as error:  # whatever the person's code raises
            reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
            raise InputError(
                spec, f"cannot be made ({reason:.200})", f"correct the function {name}"
            ) from error
    if not isinstance(module, nn.Module):
        kind = type(module).__name__
        raise InputError(spec, f"returns {kind}, not a module", "make it return a torch.nn.Module")
    return module


def _person(spec: str, name: str, channels: Count, classes: Count) -> Callable[[], Any]:
    """Return the call of a person's own function; modules in the working folder are found, too."""
    path = spec.partition(":")[0]
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        found: Any = importlib.import_module(path)
        for part in name.split("."):
            found = getattr(found, part)
    except AttributeError as error:
        near = get_close_matches(name, dir(sys.modules.get(path)), n=1)
        remedy = f"perhaps {path}:{near[0]} is meant" if near else "correct its name"
        raise InputError(spec, f"is not there: {path} has no {name}", remedy) from error
    except (Exception, SystemExit) as error:  # a script may end itself
        raise InputError(
            spec,
            f"cannot be imported ({type(error).__name__}: {error})",
            f"run cnnkit where `python -c 'import {path}'` works",
        ) from error
    if isinstance(found, nn.Module) or not callable(found):
        raise InputError(
            spec, "is not a function that makes a module", "name a function or a class of modules"
        )
    known = _parameters(found)
    given = {}
    for names, value in ((CLASSES, classes), (CHANNELS, channels)):
        if value is not None:
            given.update(dict.fromkeys([n for n in names if n in known][:1], value))
    return lambda: found(**given)


def _parameters(function: Callable[..., Any]) -> set[str]:
    try:
        return set(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # of compiled code
        return set()


def _torchvision(spec: str, name: str, channels: Count, classes: Count) -> Callable[[], Any]:
    try:
        from torchvision import models
    except ImportError as error:
        raise MissingError.package("torchvision", spec) from error
    known = models.list_models(module=models)
    if name not in known:
        raise InputError(spec, "is not a classification network of torchvision", _like(name, known))
    if channels not in (None, NATURAL):
        raise InputError(
            spec,
            f"takes images of {NATURAL} channels, and these have {channels}",
            "use --color rgb for pictures, or another network, such as timm's",
        )
    given = _given(num_classes=classes)
    more = {"aux_logits": False, "init_weights": True} if name in AUXILIARY else {}
    return lambda: models.get_model(name, weights=None, **given, **more)


def _timm(spec: str, name: str, channels: Count, classes: Count) -> Callable[[], Any]:
    try:
        timm: Any = importlib.import_module("timm")
    except ImportError as error:
        raise MissingError.package("timm", spec, "timm") from error
    if not timm.is_model(name):
        raise InputError(spec, "is not a network of timm", _like(name, timm.list_models()))
    given = _given(num_classes=classes, in_chans=channels)
    return lambda: timm.create_model(name, pretrained=False, **given)


def _given(**values: Count) -> dict[str, int]:
    return {name: value for name, value in values.items() if value is not None}


def _like(name: str, known: list[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, known, 3, 0.5) or known[:3]
    return f"use one of its {len(known)}, such as {', '.join(near)}"


SOURCES = {"torchvision": _torchvision, "timm": _timm}
