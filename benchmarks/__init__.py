"""Speed against plain PyTorch: `python -m benchmarks.cmmsf`, `python -m benchmarks.recurrent`."""
