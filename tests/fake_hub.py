"""A Hugging Face Hub whose repositories are folders, for tests of hf:// addresses."""

from pathlib import Path

import pytest


def fake_hub(monkeypatch, root):
    """Lets downloads come from `root`/organisation/repository; the list that they grow."""
    huggingface_hub = pytest.importorskip("huggingface_hub")
    asked = []

    def download(repo, file, revision=None, local_dir=None):
        asked.append((repo, file, revision))
        return downloaded(root, repo, file, local_dir)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    return asked


def downloaded(root, repo, file, local_dir):
    """The path of a copy of `root`/repo/file in `local_dir`, or the Hub's error."""
    errors = pytest.importorskip("huggingface_hub.errors")
    if not (root / repo / file).is_file():
        raise errors.RemoteEntryNotFoundError.__new__(errors.RemoteEntryNotFoundError)
    path = Path(local_dir, file)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((root / repo / file).read_bytes())
    return str(path)
