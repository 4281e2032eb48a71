"""The disk of the pictures is full: refused in a sentence, nothing half written stays, and room is all it takes."""

from pathlib import Path

from fastapi.testclient import TestClient

from search_app.index.memory.store import MemoryStore
from tests.adding.world import adding_app, files, form, index, noise, png, refusal
from tests.chaos.small_disk import fill, small_disk


def test_a_full_disk(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 2) as disk:
        script = f"import sys; from pathlib import Path; from {__name__} import check; check(Path(sys.argv[1]))"
        done = disk.run(script, disk.place)
        assert done.returncode == 0, done.stderr


def check(disk: Path) -> None:
    """Run where the disk is mounted."""
    folder = disk / "pictures"
    folder.mkdir()
    (folder / "red.png").write_bytes(png("red"))
    store = MemoryStore("images")
    index(folder, store)
    large = noise(1, side=64), noise(2, side=64)
    ballast = fill(disk, leave=len(large[0]) + 5_000)
    with TestClient(adding_app(store)) as client:
        answer = client.post("/images", **form(("a.png", large[0]), ("b.png", large[1])))
        assert refusal(answer)[0] == 503
        assert "is full: free some space" in refusal(answer)[1]
        assert files(folder) == ["red.png"]
        ballast.unlink()
        assert client.post("/images", **form(("a.png", large[0]), ("b.png", large[1]))).status_code == 201
    assert index(folder, store).unchanged == 3
