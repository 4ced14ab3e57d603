"""How strong activity is: eigenvalues of mean z z^T, which gain control holds at one at most."""

import numpy as np


def largest_gain(z, share):
    """Largest eigenvalue of mean z z^T, for activity (B, k) and shares (B,) that sum to one."""
    return float(np.linalg.eigvalsh(_gram(z, share))[-1])


def gain_spectrum(z, share, interneuron):
    """Eigenvalues of mean z z^T within the span of Q (k, l), largest first, in float64, shape (l,).

    The Rayleigh-Ritz values, from an orthonormal basis of the columns of Q. Zeros follow where
    these span fewer than l directions; infinity stands for activity too large to square.
    """
    basis, sizes, _ = np.linalg.svd(interneuron, full_matrices=False)
    held = sizes > sizes[0] * max(interneuron.shape) * np.finfo(interneuron.dtype).eps
    gram = _gram((z @ basis[:, held]).astype(np.float64), share)
    if not np.isfinite(gram).all():
        return np.full(interneuron.shape[1], np.inf)
    spectrum = np.zeros(interneuron.shape[1])
    spectrum[: len(gram)] = np.linalg.eigvalsh(gram)[::-1]
    return spectrum


def _gram(z, share):
    """The smaller of the two Gram matrices that have the eigenvalues of mean z z^T."""
    rows = np.sqrt(share)[:, None] * z
    return rows @ rows.T if rows.shape[0] < rows.shape[1] else rows.T @ rows
