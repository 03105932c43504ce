#!/usr/bin/env bash
# Deploys {{ cookiecutter.__image }} on the DEEP testbed with orchent.
#
#   ./submit_orchent.sh cpu{{ '|gpu' if cookiecutter.__has_gpu }}
#
# Needs orchent, the variables ORCHENT_TOKEN (or an oidc-agent account) and ORCHENT_URL, and for
# access to remote storage RCLONE_URL, RCLONE_USER and RCLONE_PASSWORD (obscured by `rclone
# obscure`). They are read from the environment: write no password into this file.
set -euo pipefail

variant="${1:-cpu}"
case "$variant" in
  cpu) gpus=0 ;;
{%- if cookiecutter.__has_gpu %}
  gpu) gpus=1 ;;
{%- endif %}
  *) echo "usage: $0 cpu{{ '|gpu' if cookiecutter.__has_gpu }}" >&2; exit 2 ;;
esac
command -v orchent >/dev/null || { echo "$0: orchent is not installed" >&2; exit 3; }

template="${TOSCA_TEMPLATE:-https://raw.githubusercontent.com/indigo-dc/tosca-templates/master/deep-oc/deep-oc-marathon-webdav.yml}"
parameters=$(cat <<JSON
{
  "docker_image": "{{ cookiecutter.__image }}:${variant}",
  "mem_size": "${MEM_SIZE:-8192 MB}",
  "num_cpus": ${NUM_CPUS:-2},
  "num_gpus": ${gpus},
  "run_command": "deepaas-run --listen-ip=0.0.0.0 --listen-port=5000",
  "rclone_conf": "/srv/.rclone/rclone.conf",
  "rclone_url": "${RCLONE_URL:-}",
  "rclone_vendor": "${RCLONE_VENDOR:-nextcloud}",
  "rclone_user": "${RCLONE_USER:-}",
  "rclone_password": "${RCLONE_PASSWORD:-}"
}
JSON
)
exec orchent depcreate "$template" "$parameters"
