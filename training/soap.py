"""SOAP: Adam in the eigenbasis of Shampoo's preconditioner.

Vyas, Morwani, Zhao, Kwun, Shapira, Brandfonbrener, Janson, Kakade, "SOAP: improving and stabilizing Shampoo using
Adam", 2024 (arXiv 2409.11321); written anew from the paper. A filter bank (out, in, k, k) is a matrix (out, in*k*k).
The means of G G' and G' G over the steps give a basis for its rows and one for its columns; in these the gradient's
parts hardly depend on each other, and Adam's step for each part alone is a good one. Pixels of pictures resemble their
neighbours so much that in their own basis it is a poor one: what that costs is in docs/decisions/006-soap.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

_FOLLOW = 0.05
"""Share of a step in every running mean: the paper's 1 - 0.95."""
_LARGEST = 1024
"""Sides of a matrix above this keep their own basis."""
_EVERY = 10
"""Steps between two turns of the bases."""
_TINY = 1e-8


class Soap(torch.optim.Optimizer):
    """Takes groups of parameters with their `lr`, as `torch.optim.Adam` does. All of its state is tensors."""

    def __init__(self, groups: Iterable[dict[str, Any]]) -> None:
        super().__init__(groups, {"lr": 1e-3})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient; the first step only looks."""
        if closure is not None:
            raise ValueError("SOAP takes no closure")
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._move(parameter, parameter.grad, group["lr"])

    def _move(self, parameter: Tensor, grad: Tensor, rate: float) -> None:
        matrix = grad.reshape(len(grad), -1) if grad.ndim > 1 else grad.reshape(1, -1)
        state = self.state[parameter]
        if not state:
            state.update(_begin(matrix))
            return
        state["step"] += 1
        steps = int(state["step"])
        state["mean"].lerp_(matrix, _FOLLOW)
        turned = _turn(matrix, state)
        state["square"].lerp_(turned.square(), _FOLLOW)
        unbiased = 1.0 - (1.0 - _FOLLOW) ** steps
        move = _turn(state["mean"], state) / unbiased / ((state["square"] / unbiased).sqrt() + _TINY)
        parameter.sub_(_turn_back(move, state).reshape(parameter.shape), alpha=rate)
        _learn_bases(matrix, state, steps)


def _begin(matrix: Tensor) -> dict[str, Tensor]:
    """The state before anything has moved: bases from one gradient. A vector needs none."""
    state = {"step": torch.zeros(()), "mean": torch.zeros_like(matrix), "square": torch.zeros_like(matrix)}
    if len(matrix) > 1:
        for side, product in (("left", matrix @ matrix.T), ("right", matrix.T @ matrix)):
            if len(product) <= _LARGEST:
                state[side] = product
                state[f"{side}_basis"] = torch.linalg.eigh(product)[1]
    return state


def _turn(matrix: Tensor, state: dict[str, Tensor]) -> Tensor:
    matrix = state["left_basis"].T @ matrix if "left" in state else matrix
    return matrix @ state["right_basis"] if "right" in state else matrix


def _turn_back(matrix: Tensor, state: dict[str, Tensor]) -> Tensor:
    matrix = state["left_basis"] @ matrix if "left" in state else matrix
    return matrix @ state["right_basis"].T if "right" in state else matrix


def _learn_bases(matrix: Tensor, state: dict[str, Tensor], steps: int) -> None:
    """Follow the gradient's covariances; at times, turn the bases towards their eigenvectors by a power iteration."""
    for side, axis in (("left", 0), ("right", 1)):
        if side not in state:
            continue
        state[side].lerp_(matrix @ matrix.T if side == "left" else matrix.T @ matrix, _FOLLOW)
        if steps % _EVERY == 0:
            basis = state[f"{side}_basis"]
            grown = state[side] @ basis
            order = (basis * grown).sum(0).argsort(descending=True)  # largest eigenvalue first, as QR expects
            state["square"].copy_(state["square"].index_select(axis, order))
            basis.copy_(torch.linalg.qr(grown[:, order])[0])
