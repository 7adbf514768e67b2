"""A Jupyter kernel with Keras imported beforehand: a parent imports it once, and forks kernels.

`python -m masklens_kernel install --prefix FOLDER` writes the kernelspecs that Jupyter reads. What
it starts for a notebook is a launcher, a small process. It asks the parent of its user for a
kernel, starting the parent first if there is none, passes signals on to the kernel, and ends with
it, so that for Jupyter the launcher is the kernel.

    Jupyter -> launcher -> socket of the user -> parent, which forks -> kernel

Nothing is imported here: a launcher must start in no time.
"""
