"""The Kotlin and Swift clients that openapi-generator makes by the commands of the README compile and drive one flow.

Kotlin needs a JDK of 17 or newer, npm, and three libraries that Maven has or can fetch; Swift needs its toolchain. What
a machine lacks is named and skipped. They take minutes, and so run only where GENERATED_CLIENTS is set, as by
`make spec`.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
KOTLIN = ROOT / "tests" / "sdk" / "kotlin"
SWIFT = ROOT / "tests" / "sdk" / "swift"
BUILD = KOTLIN / "build"
TOOLS = KOTLIN / ".tools"
MAVEN = Path.home() / ".m2" / "repository"
LIBRARIES = {
    "com.squareup.okhttp3:okhttp:4.12.0": "com/squareup/okhttp3/okhttp/4.12.0/okhttp-4.12.0.jar",
    "com.squareup.okio:okio-jvm:3.6.0": "com/squareup/okio/okio-jvm/3.6.0/okio-jvm-3.6.0.jar",
    "com.google.code.gson:gson:2.13.2": "com/google/code/gson/gson/2.13.2/gson-2.13.2.jar",
}
SLOW = pytest.mark.skipif("GENERATED_CLIENTS" not in os.environ, reason="takes minutes: `make spec` runs it")


async def program(*command: str | Path, folder: Path = ROOT) -> tuple[int, str]:
    """Run it; its exit status and what it said."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    out, _ = await asyncio.wait_for(process.communicate(), 1200)
    return process.returncode or 0, out.decode()


async def run(*command: str | Path, folder: Path = ROOT) -> str:
    """What a program said that must succeed."""
    status, said = await program(*command, folder=folder)
    assert status == 0, f"{command[0]}:\n{said[-4000:]}"
    return said


def readme_command(language: str) -> list[str]:
    """The arguments by which the README makes a client of this language, without the folder."""
    (line,) = re.findall(rf"^openapi-generator-cli (generate .*-g {language}\b.*) -o \w+$", README, re.MULTILINE)
    return shlex.split(line)


@pytest.fixture(scope="session")
async def generator() -> list[str | Path]:
    """The command that runs openapi-generator, installed once."""
    if shutil.which("java") is None:
        pytest.skip("openapi-generator needs a JDK of 17 or newer: `java` is not on the path")
    jar = TOOLS / "openapi_generator_cli" / "openapi-generator.jar"
    if not jar.exists():
        install = ("-m", "pip", "install", "--quiet", "--no-deps", "--target", TOOLS, "-r", KOTLIN / "requirements.txt")
        status, said = await program(sys.executable, *install)
        if status:
            pytest.skip(f"pip could not install openapi-generator: {said.strip()[-300:]}")
    return ["java", "-jar", jar]


async def kotlin_compiler() -> Path:
    """The folder of the compiler, installed once."""
    folder = KOTLIN / "node_modules" / "kotlin-compiler"
    if not folder.exists():
        if shutil.which("npm") is None:
            pytest.skip("the Kotlin compiler comes by npm, which is not on the path")
        install = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
        status, said = await program(*install, folder=KOTLIN)
        if status:
            pytest.skip(f"npm could not install the Kotlin compiler: {said.strip()[-300:]}")
    return folder


async def libraries() -> list[Path]:
    """The libraries of the generated client, from Maven's own folder; Maven fetches those that are missing."""
    for name, place in LIBRARIES.items():
        if not (MAVEN / place).exists() and shutil.which("mvn"):
            await program("mvn", "--quiet", "--batch-mode", "dependency:get", f"-Dartifact={name}")
        if not (MAVEN / place).exists():
            pytest.skip(f"the generated client needs {name}: `mvn dependency:get -Dartifact={name}` fetches it")
    return [MAVEN / place for place in LIBRARIES.values()]


def check_flow(said: str, email: str) -> None:
    """What every flow must have seen."""
    seen = json.loads(said.splitlines()[-1])
    assert seen["email"] == email
    assert (seen["status"], seen["held"], seen["refused"]) == ("completed", 0, "prompt")
    assert seen["cost"] == seen["estimated"] > 0
    assert seen["available"] > 0
    assert seen["poster"] > 500


@SLOW
@pytest.mark.xdist_group("backend")
async def test_the_kotlin_client_compiles_and_drives_a_flow(generator: list[str | Path], backend_url: str) -> None:
    if shutil.which("javac") is None:
        pytest.skip("Kotlin needs a JDK of 17 or newer: `javac` is not on the path")
    compiler, jars = await kotlin_compiler(), await libraries()
    shutil.rmtree(BUILD, ignore_errors=True)
    await run(*generator, *readme_command("kotlin"), "-o", BUILD)
    sources = [KOTLIN / "Flow.kt", *sorted((BUILD / "src" / "main").rglob("*.kt"))]
    target, paths = BUILD / "flow.jar", os.pathsep.join(map(str, jars))
    await run("bash", compiler / "bin" / "kotlinc", "-nowarn", "-cp", paths, "-d", target, *sources)
    everything = os.pathsep.join([str(target), paths, *map(str, (compiler / "lib").glob("kotlin-stdlib.jar"))])
    email = f"kotlin{os.getpid()}@example.org"
    check_flow(await run("java", "-cp", everything, "FlowKt", backend_url, email), email)


@SLOW
@pytest.mark.xdist_group("backend")
async def test_the_swift_client_compiles_and_drives_a_flow(generator: list[str | Path], backend_url: str) -> None:
    if shutil.which("swift") is None:
        pytest.skip("Swift's toolchain is not on the path: swift.org has it for macOS, Linux and Windows")
    build = SWIFT / "build"
    shutil.rmtree(build, ignore_errors=True)
    await run(*generator, *readme_command("swift6"), "-o", build / "client")
    shutil.copytree(SWIFT / "package", build / "flow")
    email = f"swift{os.getpid()}@example.org"
    check_flow(await run("swift", "run", "--quiet", "Flow", backend_url, email, folder=build / "flow"), email)
