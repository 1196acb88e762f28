"""Downloads: a file from the first of several mirrors that has it whole.

What is particular to entries is in `keras_mer.zoo`, to data sets in `keras_mer.data.sources`.
"""

import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from keras_mer._extras import need
from keras_mer._files import UnusableError, remove_leftovers, written_aside
from keras_mer._progress import Bar, DownloadBar

TIMEOUT = 30.0
"""The seconds without a byte after which a mirror is given up."""

PAUSE = 0.5
"""The seconds before a mirror is asked again."""

FORMS = "https://host/folder, or hf://organisation/repository (with @revision if need be)"

_HF = re.compile(r"hf://(?P<repo>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w.-]+))?/*")


class MirrorError(Exception):
    """Why a mirror did not give a file.

    Attributes:
        absent: whether the mirror answered that it has no such file.
        again: whether another attempt may succeed.
        unusable: whether it gave a whole file that cannot be used.
    """

    def __init__(
        self, reason: str, absent: bool = False, again: bool = False, unusable: bool = False
    ) -> None:
        super().__init__(reason)
        self.absent = absent
        self.again = again
        self.unusable = unusable


def offline() -> bool:
    """Whether `KERAS_MER_OFFLINE` forbids the network."""
    return os.environ.get("KERAS_MER_OFFLINE", "").lower() not in ("", "0", "false")


def is_repository(text: str) -> bool:
    """Whether a text is the address of a whole repository of the Hugging Face Hub."""
    return _HF.fullmatch(text) is not None


def is_address(text: str) -> bool:
    """Whether a text is the address of a mirror and not a folder."""
    return "://" in text


def check_mirror(address: str) -> str:
    """The address without a slash at its end, or a `ValueError` that names the accepted forms."""
    local = re.match(r"http://(127\.0\.0\.1|localhost)(:\d+)?(/|$)", address)
    if address.startswith("https://") or local or _HF.fullmatch(address):
        return address.rstrip("/")
    plain = " (plain http can be altered on its way)" if address.startswith("http://") else ""
    raise ValueError(f"a mirror is {FORMS}; received {address!r}{plain}")


def fetch(
    addresses: Sequence[str],
    file: str,
    path: Path,
    check: Callable[[Path], object],
    bar: Callable[[str], Bar] = DownloadBar,
    instead: str = "add a mirror to KERAS_MER_MIRRORS",
    by_hand: str | None = None,
) -> str:
    """Fetches `file` to `path` from the first mirror that has it whole.

    It is written aside and takes its place once `check` holds. Each mirror is asked
    again once if it breaks off or sends what `check` refuses.

    Args:
        addresses: the mirrors, in the order in which they are asked.
        file: its path at each of them.
        path: where it goes.
        check: raises a `ValueError` unless the file is whole, an `UnusableError` if it is whole
            and cannot be used.
        bar: makes the progress bar of an attempt out of the name of the file.
        instead: what else the user may do if no mirror gives it.
        by_hand: what to put where without a mirror; the file at `path` by default.

    Returns:
        The address of the mirror that gave it.

    Raises:
        FileNotFoundError: if there is no mirror, or each answers that it has no such file.
        ConnectionError: if none gave it for any other reason; each reason is named.
        OSError: if `path` cannot be written.
        ValueError: if what they gave is whole and cannot be used.
    """
    check_may_fetch(addresses, file, path)
    remove_leftovers(path.parent)
    failures: dict[str, MirrorError] = {}
    for address in addresses:
        for attempt in range(2):
            time.sleep(PAUSE * attempt)
            try:
                _fetch_once(address, file, path, check, bar)
            except MirrorError as error:
                failures[address] = error
                if not error.again:
                    break
            else:
                return address
    reasons = "; ".join(f"{address}: {error}" for address, error in failures.items())
    if any(error.unusable for error in failures.values()):
        raise ValueError(f"{file} cannot be used ({reasons})")
    otherwise = f"{instead}, or {by_hand or f'put the file at {path}'} yourself"
    if all(error.absent for error in failures.values()):
        raise FileNotFoundError(f"{file} is at none of the mirrors ({reasons}): {otherwise}")
    raise ConnectionError(f"{file} could not be fetched ({reasons}): try again later, {otherwise}")


def check_may_fetch(addresses: Sequence[str], file: str, path: Path) -> None:
    """Raises a `FileNotFoundError` if the network is forbidden or no mirror is known."""
    if offline():
        raise FileNotFoundError(
            f"{file} would have to be fetched, which KERAS_MER_OFFLINE forbids: "
            f"unset it, or put what is missing at {path}"
        )
    if not addresses:
        raise FileNotFoundError(
            f"{file} would have to be fetched, and no mirror is known: set KERAS_MER_MIRRORS to "
            f"{FORMS}, or put the file at {path}"
        )


def _fetch_once(
    address: str,
    file: str,
    path: Path,
    check: Callable[[Path], object],
    bar: Callable[[str], Bar],
) -> None:
    try:
        with written_aside(path) as aside:
            if address.startswith("hf://"):
                from_hub(address, file, aside)
            else:
                _from_web(address, file, aside, bar(file))
            try:
                check(aside)
            except ValueError as error:
                reason = str(error).replace(f"{aside}: ", "").replace(str(aside), Path(file).name)
                if isinstance(error, UnusableError):
                    raise MirrorError(reason, unusable=True) from error
                raise MirrorError(f"what it sent is damaged: {reason}", again=True) from error
    except OSError as error:
        # On Windows a file that another process has just put there, and reads, stays in place.
        if isinstance(error, PermissionError) and path.exists():
            check(path)
            return
        raise OSError(
            f"{path.parent} cannot be written ({error.strerror or error}): free or allow the "
            "space, or choose another folder (KERAS_MER_HOME holds the usual ones)"
        ) from error


def _from_web(address: str, file: str, path: Path, bar: Bar) -> None:
    import pooch
    from requests import exceptions

    download = pooch.HTTPDownloader(progressbar=bar, chunk_size=1 << 16, timeout=TIMEOUT)
    try:
        download(f"{address}/{file}", str(path), None)
    except exceptions.HTTPError as error:
        if error.response is None:
            raise MirrorError(str(error)) from error
        error.response.close()  # pooch leaves it open
        raise _refusal(error.response.status_code) from error
    except exceptions.Timeout as error:
        raise MirrorError(f"no answer within {TIMEOUT:g} s", again=True) from error
    except exceptions.TooManyRedirects as error:
        raise MirrorError("it redirects in circles") from error
    except exceptions.RequestException as error:
        raise MirrorError(f"{_broken(error)} ({type(error).__name__})", again=True) from error
    finally:
        bar.close()


def from_hub(address: str, file: str, path: Path) -> None:
    """Fetches a file of a repository of the Hugging Face Hub.

    Raises:
        MirrorError: if it cannot be had.
    """
    try:
        hub = need("huggingface_hub", "hub", f"to fetch from {address}")
        errors = need("huggingface_hub.errors", "hub", f"to fetch from {address}")
    except ImportError as error:
        raise MirrorError(str(error)) from error
    parts = _HF.fullmatch(address)
    assert parts is not None, address
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".hub-") as folder:
        try:
            fetched = hub.hf_hub_download(
                parts["repo"], file, revision=parts["revision"], local_dir=folder
            )
        except errors.GatedRepoError as error:
            raise _refusal(403) from error
        except errors.LocalEntryNotFoundError as error:
            raise MirrorError("the Hub could not be reached", again=True) from error
        except (
            errors.EntryNotFoundError,
            errors.RepositoryNotFoundError,
            errors.RevisionNotFoundError,
        ) as error:
            raise _refusal(404) from error
        except errors.HfHubHTTPError as error:
            raise _refusal(getattr(error.response, "status_code", 500)) from error
        except Exception as error:  # the hub's client lets through those of its own network library
            raise MirrorError(f"{type(error).__name__}: {error}", again=True) from error
        shutil.move(fetched, path)


def _broken(error: Exception) -> str:
    """What a failed connection was, which requests says in its message alone."""
    message = str(error)
    if "timed out" in message:
        return f"no byte within {TIMEOUT:g} s"
    if "establish a new connection" in message or "resolve" in message:
        return "it could not be reached"
    return "the connection broke off"


def _refusal(status: int) -> MirrorError:
    if status in (404, 410):
        return MirrorError(f"it has no such file (HTTP {status})", absent=True)
    if status in (401, 403):
        return MirrorError(f"it refuses access (HTTP {status}); it may ask for a login")
    return MirrorError(f"it failed (HTTP {status})", again=status >= 500 or status == 429)
