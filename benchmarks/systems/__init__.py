"""Each system twice: `ours`, and `plain`, the network that a researcher would write in PyTorch."""
