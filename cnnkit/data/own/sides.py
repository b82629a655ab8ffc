"""Which pictures are for what: `choose_sides(listing, contents, options, console)`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from cnnkit.data.own.decoder import Facts
from cnnkit.data.own.listing import TEST, TRAIN, VALIDATION, Listing, counted
from cnnkit.data.own.options import PictureOptions
from cnnkit.data.own.splitting import hold_out, make_units
from cnnkit.errors import InputError

TEST_SEED, VALIDATION_SEED = 2, 1  # NumPy's PCG64 gets [seed, 0, one of these]


def drop_bad(
    listing: Listing, facts: Sequence[Facts], options: PictureOptions, console: Console
) -> tuple[Listing, NDArray[np.int64]]:
    """Return the listing without pictures that cannot be used, and the indices of the others.

    Raises:
        InputError: there are some, and they are not to be skipped; all are named.
    """
    bad = [index for index, fact in enumerate(facts) if fact.problem]
    if bad:
        lines = [f"{listing.paths[index]} {facts[index].problem}" for index in bad]
        if options.bad == "fail" or len(bad) == len(facts):
            remedy = "convert them to PNG or JPEG"
            if len(bad) < len(facts):
                remedy += ", or remove them; `cnnkit train --bad skip` leaves them out"
            reason = f"{len(bad):,} of {len(facts):,} pictures cannot be used"
            raise InputError(listing.root, reason, remedy, lines)
        console.print(f"{listing.root}: {counted(len(bad), 'picture')} left out:", soft_wrap=True)
        for text in lines:
            console.print(f"  {text}", soft_wrap=True)
    keep = np.setdiff1d(np.arange(len(facts)), bad)
    return _choose(listing, keep), keep


def _choose(listing: Listing, keep: NDArray[np.int64]) -> Listing:
    """Return a listing of some of its pictures; classes without any are kept."""
    return replace(
        listing,
        labels=listing.labels[keep],
        splits=[listing.splits[i] for i in keep],
        paths=[listing.paths[i] for i in keep],
        groups=None if listing.groups is None else [listing.groups[i] for i in keep],
    )


def choose_sides(
    listing: Listing,
    contents: Sequence[str],
    kept: NDArray[np.int64],
    options: PictureOptions,
    console: Console,
) -> tuple[NDArray[np.str_], NDArray[np.int64], Listing]:
    """Return each picture's split: the stated one, or else drawn; and what is left of the rest.

    Pictures for training whose content is also in the test or validation pictures are an error, or
    left out.
    """
    stated = np.array([name or TRAIN for name in listing.splits], f"<U{len(VALIDATION)}")
    units = make_units(contents, listing.groups)

    def draw(side: str, share: float, stream: int) -> None:
        free = np.flatnonzero(stated == TRAIN)
        seed = [options.seed, 0, stream]
        stated[free[hold_out(units[free], listing.labels[free], share, seed)]] = side

    if not (stated == TEST).any():
        if options.classes is not None:
            stated[:] = TEST
        else:
            draw(TEST, options.test_split, TEST_SEED)
    if options.val_split and (stated == VALIDATION).any():
        raise InputError(
            f"--val-split {options.val_split:g}",
            f"is not needed: {listing.root} has validation pictures of its own",
            "leave it out",
        )
    if options.val_split:
        draw(VALIDATION, options.val_split, VALIDATION_SEED)
    elsewhere = set(units[stated != TRAIN])
    double = np.array([s == TRAIN and u in elsewhere for s, u in zip(stated, units, strict=True)])
    if double.any():
        pairs = _pairs(listing, stated, units, np.flatnonzero(double))
        if options.bad == "fail":
            raise InputError(
                listing.root,
                f"has {counted(int(double.sum()), 'training picture', ('', ''))} also held out",
                "remove one of each; `cnnkit train --bad skip` leaves out those for training",
                pairs,
            )
        many = counted(int(double.sum()), "training picture")
        console.print(f"{listing.root}: {many} left out because also held out", soft_wrap=True)
    keep = np.flatnonzero(~double)
    return stated[keep], kept[keep], _choose(listing, keep)


def _pairs(
    listing: Listing, stated: NDArray[np.str_], units: NDArray[np.int64], double: NDArray[np.int64]
) -> list[str]:
    others = {units[i]: i for i in np.flatnonzero(stated != TRAIN).tolist()}
    found = [(i, others[units[i]]) for i in double.tolist()]
    return [f"{listing.paths[i]} is {listing.paths[k]} ({stated[k]})" for i, k in found]
