"""Speed of keras-mer beside plain PyTorch and stock Keras, side by side in one run."""
