#!/usr/bin/env bash
# Puts the lavapipe of Debian's backports into FOLDER and prints the path of the file that describes it, for
# LOCSCALE_TEST_GPU. Mesa 25 is the first of Debian 12 that Dawn accepts, and computes several times faster than
# SwiftShader; it compiles shaders more slowly, once. Nothing of it is installed: the libraries it needs are those of the installed mesa-vulkan-drivers.
set -euo pipefail
folder=$(realpath -m "${1:?fetch-lavapipe.sh FOLDER}")
release=$(. /etc/os-release && echo "$VERSION_CODENAME")
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $release" | head -1)
[ -e "$folder/lavapipe.json" ] && echo "$folder/lavapipe.json" && exit
mkdir -p "$folder/lists/partial" "$folder/cache/archives/partial"
echo "deb $mirror $release-backports main" >"$folder/sources.list"
apt=(apt-get -qq -o "Dir::Etc::SourceList=$folder/sources.list" -o Dir::Etc::SourceParts=/dev/null
  -o "Dir::State::Lists=$folder/lists" -o "Dir::Cache=$folder/cache" -o APT::Sandbox::User=root)
"${apt[@]}" update >&2
cd "$folder"
"${apt[@]}" download mesa-vulkan-drivers >&2
dpkg-deb --extract mesa-vulkan-drivers_*.deb mesa
library=$(find "$folder/mesa" -name libvulkan_lvp.so)
if ldd "$library" | grep 'not found' >&2; then exit 1; fi
rm -rf lists cache mesa-vulkan-drivers_*.deb
cat >lavapipe.json <<JSON
{ "file_format_version": "1.0.0", "ICD": { "library_path": "$library", "api_version": "1.3.0" } }
JSON
echo "$folder/lavapipe.json"
