#!/bin/sh
# Makes one archive with everything that a site without a network needs: `make offline`. It holds the program's wheel, the wheels of its dependencies by
# requirements.lock with hashes, lists of all parts (SBOM), units, chart, rules, boards, runbooks, and checksums. Run it on the same kind of machine, and with
# the same Python, as at the site. IMAGE=alarm-fatigue:VERSION adds that image, if Docker has it; WITH="objectstore report" adds what these extras need.
set -eu
cd "$(dirname "$0")/.."
python=${1:-.venv/bin/python}
version=$("$python" -c 'import tomllib; print(tomllib.load(open("pyproject.toml", "rb"))["project"]["version"])')
for extra in ${WITH:-}; do
    [ -e "locks/$extra.lock" ] || { echo "offline.sh: WITH: no extra $extra; there are:$(cd locks && printf ' %s' *.lock | sed 's/\.lock//g; s/ base//')" >&2; exit 2; }
done
platform=$("$python" -c 'import sys, sysconfig; print(f"py{sys.version_info[0]}{sys.version_info[1]}-{sysconfig.get_platform()}")')
name=alarm-fatigue-$version-offline-$platform
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
folder=$scratch/$name
mkdir -p "$folder/wheelhouse"

cp dist/alarm_fatigue-"$version"-*.whl dist/sbom.json requirements.lock LICENSE CHANGELOG.md "$folder/"
wheels() { # LOCK
    "$python" -m pip download --disable-pip-version-check --quiet --only-binary :all: --require-hashes --requirement "$1" --dest "$folder/wheelhouse"
}
wheels requirements.lock
for extra in ${WITH:-}; do
    mkdir -p "$folder/locks"
    cp "locks/$extra.lock" "$folder/locks/"
    cp "dist/sbom-$extra.json" "$folder/"
    wheels "locks/$extra.lock"
done
cp deploy/systemd/install.sh "$folder/"
mkdir "$folder/deploy" "$folder/grafana"
# -L: the chart's rules and boards are links into the repository
cp -RL deploy/systemd deploy/helm deploy/prometheus deploy/alertmanager deploy/runbooks deploy/secrets.sh deploy/backup.py deploy/README.md "$folder/deploy/"
cp -R grafana/dashboards grafana/provisioning "$folder/grafana/"
if [ -n "${IMAGE:-}" ]; then docker save --output "$folder/image.tar" "$IMAGE"; fi

(cd "$folder" && find . -type f ! -name SHA256SUMS | LC_ALL=C sort | xargs sha256sum >"$scratch/sums" && mv "$scratch/sums" SHA256SUMS)
find "$folder" -type d -exec chmod 0755 {} +
find "$folder" -type f -exec chmod u=rw,go=r {} +
chmod 0755 "$folder/install.sh" "$folder/deploy/secrets.sh"
# The same content makes the same archive.
tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$(git log -1 --format=%ct 2>/dev/null || echo 0)" -C "$scratch" -cf - "$name" \
    | gzip -n >"dist/$name.tar.gz"
(cd dist && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256")
ls -l "dist/$name.tar.gz" "dist/$name.tar.gz.sha256"
