#!/bin/sh
# Runs what tools/pack-for-gpu-machine.mjs packed, on a machine with a GPU driver and nothing else.
#   run.sh all OUT [options]    devices, check and bench one after the other; logs and JSON into OUT;
#                               options: --gpu_ids N, --allow-software-gpu; more for the bench: BENCH_OPTIONS
#   run.sh check [options]      is every result of the GPU right? (bench/gpu-check.mjs)
#   run.sh bench [options]      how fast is it? (npm run bench -- --engine gpu)
#   run.sh locscale-gpu ...     the program itself
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
node="$here/bin/node"
"$node" --version >/dev/null 2>&1 || export LD_LIBRARY_PATH="$here/lib/fallback${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
# Only taken where the system has no libvulkan.so.1.
export LOCSCALE_VULKAN_LOADER="${LOCSCALE_VULKAN_LOADER:-$here/lib/libvulkan.so.1}"

# Containers often have NVIDIA's driver but not the file that tells the loader of it.
if [ -z "$VK_DRIVER_FILES$VK_ICD_FILENAMES" ] &&
  ! ls /etc/vulkan/icd.d/*.json /usr/share/vulkan/icd.d/*.json >/dev/null 2>&1; then
  for file in /usr/local/nvidia/share/vulkan/icd.d/nvidia_icd.json /usr/local/nvidia/vulkan/icd.d/nvidia_icd.json; do
    [ -e "$file" ] && export VK_DRIVER_FILES="$file" VK_ICD_FILENAMES="$file"
  done
  if [ -z "$VK_DRIVER_FILES" ]; then
    file="${TMPDIR:-/tmp}/locscale-nvidia-icd.json"
    printf '{"file_format_version":"1.0.0","ICD":{"library_path":"libGLX_nvidia.so.0","api_version":"1.3.0"}}\n' >"$file"
    export VK_DRIVER_FILES="$file" VK_ICD_FILENAMES="$file"
  fi
fi

check() {
  [ -d "$here/golden" ] && set -- --golden "$here" "$@"
  "$node" "$here/bench/gpu-check.mjs" "$@"
}
bench() { "$node" "$here/bench-compiled/bench/main.js" --root "$here" --engine gpu "$@"; }

what=$1
[ $# -gt 0 ] && shift
case "$what" in
  check) check "$@" ;;
  bench) bench "$@" ;;
  locscale-gpu) exec "$node" "$here/dist/cli.js" "$@" ;;
  all)
    out=$1
    shift
    mkdir -p "$out" || exit 1
    "$node" "$here/dist/cli.js" devices >"$out/devices.txt" 2>&1
    cat "$out/devices.txt"
    status=0
    check --out "$out/check.json" "$@" >"$out/check.txt" 2>&1 || status=1
    cat "$out/check.txt"
    # shellcheck disable=SC2086 # several words
    bench --out "$out/bench.json" "$@" $BENCH_OPTIONS >"$out/bench.txt" 2>&1 || status=1
    cat "$out/bench.txt"
    exit $status
    ;;
  *)
    sed -n '2,7s/^# \{0,1\}//p' "$0"
    exit 2
    ;;
esac
