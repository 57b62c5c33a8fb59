"""A generated monorepo of realistic shape: many packages, nested sources, no installed ones."""

import json
from collections.abc import Iterator
from pathlib import Path

FILES = 50_000
PACKAGES = 400
APPS = 40

_PARTS = ("components", "hooks", "routes", "lib", "lib/api", "components/forms/fields", "styles")


def write_monorepo(folder: Path, files: int = FILES, packages: int = PACKAGES) -> None:
    """Write a pnpm workspace of ``packages`` members, one in ten of them an app."""
    _write(folder / "package.json", json.dumps(_root()))
    _write(folder / "pnpm-workspace.yaml", "packages:\n  - apps/*\n  - packages/*\n")
    _write(folder / "pnpm-lock.yaml", "lockfileVersion: '9.0'\n")
    _write(folder / "turbo.json", '{"tasks": {"build": {"dependsOn": ["^build"]}}}')
    apps = packages * APPS // PACKAGES
    for number in range(packages):
        name = f"app-{number}" if number < apps else f"package-{number}"
        place = folder / ("apps" if number < apps else "packages") / name
        for path, text in _package(name, files // packages, is_app=number < apps):
            _write(place / path, text)


def _root() -> dict[str, object]:
    return {
        "name": "monorepo",
        "private": True,
        "packageManager": "pnpm@9.12.0",
        "engines": {"node": ">=20"},
        "scripts": {"build": "turbo run build", "lint": "turbo run lint"},
        "devDependencies": {"turbo": "^2.0.0", "typescript": "^5.6.0"},
    }


def _package(name: str, files: int, *, is_app: bool) -> Iterator[tuple[str, str]]:
    manifest: dict[str, object] = {"name": f"@acme/{name}", "version": "1.0.0"}
    if is_app:
        manifest |= {
            "scripts": {"dev": "next dev", "build": "next build", "start": "next start"},
            "dependencies": {"next": "15.0.0", "react": "19.0.0", "@acme/package-50": "*"},
        }
        yield "next.config.mjs", "export default {}\n"
    yield "package.json", json.dumps(manifest, indent=2)
    yield "tsconfig.json", '{"extends": "../../tsconfig.json"}'
    for number in range(files - (3 if is_app else 2)):
        part = _PARTS[number % len(_PARTS)]
        yield f"src/{part}/module-{number}.ts", f"export const value{number} = {number}\n"


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
