"""Pack images of the digits 0 and 1 for the thermal study from MNIST's four IDX files.

    python examples/pack_digits.py FOLDER dcl_hpc/thermal/digits01.npz

FOLDER has train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte,
plain or .gz. Taken are the first images of each digit, one bit a pixel, 1 where there is any ink. MNIST is
by Y. LeCun and C. Cortes, licence CC BY-SA 3.0; so is what is made of it.
"""

import argparse
import sys

import numpy as np

from dcl_hpc.errors import UserError
from dcl_hpc.thermal import data, idx

ABOUT = "MNIST, digits 0 and 1, bits of 28x28 pixels > 0; Y. LeCun and C. Cortes, CC BY-SA 3.0"

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", help="MNIST's four files")
    parser.add_argument("packed", help=".npz file to write")
    parser.add_argument("--training", type=int, default=1000, help="training images of each digit")
    parser.add_argument("--test", type=int, default=200, help="test images of each digit")
    options = parser.parse_args()
    try:
        packed = data.pack(idx.read_mnist(options.folder), (options.training, options.test))
    except UserError as error:
        sys.exit(f"pack_digits: {error}")
    np.savez_compressed(options.packed, about=ABOUT, **packed)
    print(f"{options.packed}: {len(packed['digit'])} training and {len(packed['test_digit'])} test images")
