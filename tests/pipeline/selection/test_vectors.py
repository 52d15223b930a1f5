"""Quantised vectors: exact products, and what is lost by rounding."""

import numpy as np
import pyarrow as pa

from pipeline.audit.topics import unit
from pipeline.selection.vectors import from_binary, product_of, products, quantised, similarity, to_binary


def random_unit(count: int, dimensions: int = 384) -> np.ndarray:
    return unit(np.random.default_rng(0).normal(size=(count, dimensions)))


def test_products_are_those_of_integers_however_they_are_cut() -> None:
    vectors_ND = quantised(random_unit(300))
    exact = vectors_ND.astype(np.int64) @ vectors_ND.astype(np.int64).T
    assert np.array_equal(products(vectors_ND, vectors_ND), exact)
    halves = [products(vectors_ND[:150], vectors_ND), products(vectors_ND[150:], vectors_ND)]
    assert np.array_equal(np.concatenate(halves), exact)


def test_no_sum_leaves_what_float32_holds_exactly() -> None:
    longest = quantised(np.ones((1, 4096)))
    assert (longest.astype(np.int64) ** 2).sum() < 1 << 24


def test_a_cosine_is_that_of_the_vectors_to_three_digits() -> None:
    vectors_ND = random_unit(200)
    quantised_ND = quantised(vectors_ND)
    error = similarity(products(quantised_ND, quantised_ND)) - vectors_ND @ vectors_ND.T
    assert np.abs(error).max() < 1e-3
    assert similarity(products(quantised_ND, quantised_ND)).max() == 1.0


def test_a_threshold_is_met_by_the_cosines_that_are_shown_as_it() -> None:
    least = product_of(0.9)
    assert similarity(least) == 0.9
    assert similarity(least - 1) <= 0.9
    assert similarity(least - 2000) < 0.9


def test_vectors_survive_arrow_in_slices() -> None:
    vectors_ND = quantised(random_unit(6, 8))
    binary = to_binary(vectors_ND)
    assert np.array_equal(from_binary(binary), vectors_ND)
    assert np.array_equal(from_binary(binary.slice(2, 3)), vectors_ND[2:5])
    assert np.array_equal(from_binary(pa.chunked_array([binary.slice(4), binary.slice(0, 1)])), vectors_ND[[4, 5, 0]])
