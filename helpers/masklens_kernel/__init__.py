"""A Jupyter kernel with Keras imported beforehand: a parent imports it once, and forks kernels.

`python -m masklens_kernel install --prefix FOLDER` writes the kernelspecs that Jupyter reads. For a
notebook Jupyter then starts a launcher, a small process. The launcher asks its user's parent for a
kernel, and starts the parent first if there is none. It passes signals on to the kernel and ends
with it, so that Jupyter takes the launcher for the kernel.

    Jupyter -> launcher -> socket of the user -> parent, which forks -> kernel

This module imports nothing, since a launcher must start fast.
"""
