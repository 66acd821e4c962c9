#!/bin/sh
# Installs from this archive alone, without a network:  sh install.sh [FOLDER]   (FOLDER: /opt/alarm-fatigue)
# The variable PYTHON names another Python than python3. Run it again to upgrade; the old installation is kept as FOLDER.old.
set -eu
cd "$(dirname "$0")"
target=${1:-/opt/alarm-fatigue}
python=${PYTHON:-python3}
sha256sum --check --quiet --strict SHA256SUMS || { echo "error: the archive is not as it was made; nothing is installed" >&2; exit 1; }
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: Python 3.11 or later is needed: set PYTHON" >&2; exit 1; }
[ ! -e "$target" ] || [ -x "$target/bin/alarm-fatigue" ] || { echo "error: $target is there and is no installation" >&2; exit 1; }
rm -rf "$target.new"
"$python" -m venv --prompt alarm-fatigue "$target.new"
pip() { "$target.new/bin/python" -m pip --isolated --disable-pip-version-check --quiet "$@"; }
for lock in requirements.lock locks/*.lock; do # locks/: the extras that the archive was made with
    [ ! -e "$lock" ] || pip install --no-index --find-links wheelhouse --require-hashes --requirement "$lock"
done
pip install --no-index --no-deps alarm_fatigue-*.whl
mkdir -p "$target.new/share/doc"
cp -R deploy grafana requirements.lock sbom*.json LICENSE CHANGELOG.md "$target.new/share/doc/"
[ ! -e locks ] || cp -R locks "$target.new/share/doc/"
pip uninstall --yes setuptools 2>/dev/null || :
pip uninstall --yes pip
# The scripts of an environment name its folder.
grep -lrI "$target.new" "$target.new/bin" "$target.new/pyvenv.cfg" | xargs -r sed -i "s|$target.new|$target|g"
rm -rf "$target.old"
[ ! -e "$target" ] || mv "$target" "$target.old"
mv "$target.new" "$target"
"$target/bin/alarm-fatigue" --version
