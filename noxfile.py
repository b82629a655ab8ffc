"""One command for everything: `nox` runs lint, types and tests; `nox -l` lists the rest."""

from __future__ import annotations

import shutil
from pathlib import Path

import nox

nox.options.sessions = ["lint", "types", "tests"]
nox.options.reuse_existing_virtualenvs = True

SANITIZED = [
    "tests/ops/test_fused.py",
    "tests/ops/test_memory.py",
    "tests/ops/test_threads.py",
    "tests/train/test_native_engine.py",
]
TRY = ".ci/try_wheel.py"
CPP = (".h", ".hpp", ".c", ".cpp")
LINTERS = ("clang-format", "import-linter", "ruff")


def linters() -> list[str]:
    """Return what the extra `dev` says of the linters: the one place that has their versions."""
    extras = nox.project.load_toml("pyproject.toml")["project"]["optional-dependencies"]
    return [line for line in extras["dev"] + extras["test"] if line.startswith(LINTERS)]


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting of Python and C++, and who imports whom."""
    session.install(*linters())
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    files = session.run("git", "ls-files", external=True, silent=True) or ""
    sources = [file for file in files.split() if file.endswith(CPP)]
    session.run("clang-format", "--dry-run", "--Werror", *sources)
    session.run("lint-imports", "--no-cache")


@nox.session
def types(session: nox.Session) -> None:
    """Check the types of the package, and the extension's stub against the extension."""
    session.install(".[dev]")
    session.run("mypy")
    stubtest = ["mypy.stubtest", "--mypy-config-file", "pyproject.toml"]
    session.run("python", "-m", *stubtest, "cnnkit._core")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the test suite."""
    session.install(".[test]")
    session.run("pytest", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation in build/site; a warning or a dead link fails."""
    session.install(".[docs]")
    session.run("python", "docs/make_commands.py")
    session.run("zensical", "build", "--clean", "--strict")
    session.run("python", "docs/check_links.py", "build/site")


@nox.session
def package(session: nox.Session) -> None:
    """Build sdist and wheel, check what an index would see, and use the wheel in a fresh place."""
    session.install("build", "twine")
    folder = Path(session.create_tmp()).resolve() / "dist"
    shutil.rmtree(folder, ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", str(folder))
    session.run("twine", "check", "--strict", *map(str, folder.iterdir()))
    (wheel,) = folder.glob("*.whl")
    session.install("--force-reinstall", str(wheel))
    smoke(session)


@nox.session
def lowest(session: nox.Session) -> None:
    """Use the base install with the lowest versions of its dependencies that are allowed."""
    project = nox.project.load_toml("pyproject.toml")["project"]
    session.install(*(line.replace(">=", "==") for line in project["dependencies"]))
    session.install("--no-deps", ".")
    smoke(session)


@nox.session
def clang(session: nox.Session) -> None:
    """Build with clang, warnings as errors, and import what was built."""
    compilers = {"CC": "clang", "CXX": "clang++"}
    session.install(".", "-Ccmake.define.CNNKIT_WERROR=ON", env=compilers)
    smoke(session)


def smoke(session: nox.Session) -> None:
    """Run what is installed outside the checkout: commands, and a prediction in both runtimes."""
    program, model = (Path(name).resolve() for name in (TRY, "export/reference/mnist.onnx"))
    session.chdir(session.create_tmp())
    session.run("cnnkit", "--version")
    session.run("cnnkit", "doctor", "--json", silent=True)
    session.run("python", "-W", "error", str(program), str(model))


@nox.session
def workflows(session: nox.Session) -> None:
    """Check the workflows and issue templates: schemas, and what makes a workflow unsafe."""
    session.install("check-jsonschema", "zizmor")
    files = sorted(map(str, Path(".github/workflows").glob("*.yml")))
    session.run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *files)
    session.run("zizmor", "--offline", "--persona=regular", ".github")


@nox.session
def photos(session: nox.Session) -> None:
    """Compare 200 photos in Python and every host app; a folder of real ones may be named."""
    session.install(".[test]")
    folder = {"CNNKIT_PHOTO_FOLDER": session.posargs[0]} if session.posargs else {}
    environment = {"CNNKIT_PHOTOS": "200", **folder}
    session.run("pytest", "-n", "0", "tests/hosts/test_photos.py", env=environment)


def check_kernels(session: nox.Session, options: list[str], run: list[str], *words: str) -> None:
    """Build the kernels without Python, and run their own check."""
    session.install("cmake", "ninja")
    build = session.create_tmp()
    session.run("cmake", "-S", ".", "-B", build, "-G", "Ninja", "-DCNNKIT_WERROR=ON", *options)
    session.run("cmake", "--build", build)
    session.run(*run, f"{build}/check_kernels", *words, external=True)
    if not run:  # the emulated machines have no engine for the published network alone
        session.run(f"{build}/check_net", external=True)
    session.run(*run, f"{build}/check_family", "40", external=True)
    session.run(*run, f"{build}/check_program", "1000", external=True)
    session.run(*run, f"{build}/check_bytes", "1000", external=True)
    session.run(*run, f"{build}/check_augment", "300", external=True)
    session.run(*run, f"{build}/check_resample", "300", external=True)


@nox.session
def neon(session: nox.Session) -> None:
    """Run the NEON kernels on an emulated ARM (g++-aarch64-linux-gnu, qemu-user)."""
    options = ["-DCMAKE_SYSTEM_NAME=Linux", "-DCMAKE_SYSTEM_PROCESSOR=aarch64"]
    options.append("-DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++")
    emulator = ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"]
    check_kernels(session, options, emulator, "300", "neon", "scalar")


@nox.session
def baseline(session: nox.Session) -> None:
    """Run an ordinary build on an emulated x86-64 without AVX: no wide instruction may leak."""
    check_kernels(session, [], ["qemu-x86_64", "-cpu", "Nehalem"], "300", "scalar")


@nox.session
def sanitize(session: nox.Session) -> None:
    """Run every kernel of this machine under ASan and UBSan."""
    check_kernels(session, ["-DCNNKIT_SANITIZE=ON"], [], "300")


@nox.session
def sanitize_extension(session: nox.Session) -> None:
    """Run the extension itself under ASan and UBSan, inside Python (GCC on Linux)."""
    session.install(".[test]", "-Ccmake.define.CNNKIT_SANITIZE=ON", "-Cinstall.strip=false")
    libraries = [
        session.run("g++", f"-print-file-name={name}", external=True, silent=True) or ""
        for name in ("libasan.so", "libstdc++.so")  # the latter, for ASan to see exceptions
    ]
    environment = {
        "LD_PRELOAD": " ".join(library.strip() for library in libraries),
        # Python frees little when it ends; a test asks for more memory than there is.
        "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1",
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "PYTHONMALLOC": "malloc",
    }
    session.run("pytest", "-n", "0", *SANITIZED, "-p", "no:cacheprovider", env=environment)
