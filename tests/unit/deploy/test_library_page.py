from deploy.library import PAGE, page
from services.playbooks.files import SHIPPED


def test_the_page_lists_what_ships() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "Run make generated."
    assert page().count("\n| [") == len(list(SHIPPED.glob("*.yaml")))


def test_every_file_says_why_where_its_number_comes_from_and_what_to_do() -> None:
    for file in SHIPPED.glob("*.yaml"):
        said = [line for line in file.read_text(encoding="utf-8").splitlines() if line.startswith("# ")]
        for words in ("# Why: ", "# The number: ", "# What to do: "):
            assert any(line.startswith(words) for line in said), f"{file.name} lacks {words}"
