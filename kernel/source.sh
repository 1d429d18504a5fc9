# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Sourced by `build` and `review`: Debian's kernel source, and how it is configured.
#
#	patches		all of the series, in their order
#	objects		made of the C files that they touch
#	version		of Debian's package
#	unpack SOURCE	what of the package is wanted, into an empty folder
#	apply SOURCE PATCH...
#	configure SOURCE OUT CONFIG [MAKE-ARGUMENT...]
#	fragments CONFIG	the files that a configuration is made of
#	compilers	arguments for make
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
into=$(dirname "$here")/build-kernel
package=linux-source-6.12
archive=/usr/src/$package.tar.xz

# Architectures that are not built, and drivers, tools and texts which nothing else refers to.
UNWANTED=(arch/{alpha,arc,arm,arm64,csky,hexagon,loongarch,m68k,microblaze,mips,nios2,openrisc,parisc,powerpc,riscv,s390,sh,sparc}
	drivers/gpu/drm/{amd/include,amd/display/dc,i915/display,nouveau/nvkm}
	Documentation/{devicetree,translations,ABI,admin-guide,driver-api} tools/perf
	tools/testing/selftests/{bpf,drivers,net})

fail() {
	echo "$(basename "$0"): $*" >&2
	exit 1
}

patches=()
for patch in "$here"/patches/*.patch; do
	case ${patch##*/} in 0000-*) ;; *) patches+=("$patch") ;; esac
done

mapfile -t objects < <(sed -n 's/^+++ b\/\(.*\)\.c$/\1.o/p' "${patches[@]}" | grep -v '^tools/' | sort -u)

version=$(dpkg-query --show --showformat='${Version}' $package 2>/dev/null) && [ -f "$archive" ] ||
	fail "Debian's package $package is not installed: tools/bootstrap kernel"

for tool in gcc ld make patch flex bison bc pahole xz; do
	command -v $tool >/dev/null || fail "there is no $tool: tools/bootstrap kernel"
done

export KBUILD_BUILD_TIMESTAMP='1970-01-01 00:00:00 UTC' KBUILD_BUILD_USER=reseat KBUILD_BUILD_HOST=reseat
export KBUILD_BUILD_VERSION=1 LC_ALL=C CCACHE_NOHASHDIR=1
compilers=(CC=gcc HOSTCC=gcc)
! command -v ccache >/dev/null || compilers=(CC='ccache gcc' HOSTCC='ccache gcc')

unpack() {
	local source=$1 file
	xz --decompress --threads=0 --stdout "$archive" | tar -x -C "$source" --strip-components=1 --anchored --no-wildcards \
		"${UNWANTED[@]/#/--exclude=$package/}"
	# What kconfig reads of those architectures all the same.
	sed -n 's/^source "\(arch\/.*\)"/\1/p' "$source/crypto/Kconfig" | while read -r file; do
		[ -e "$source/$file" ] || { mkdir -p "$source/${file%/*}" && : >"$source/$file"; }
	done
}

apply() {
	local source=$1 patch
	shift
	for patch; do
		patch --quiet --strip=1 --directory="$source" --fuzz=0 <"$patch" || fail "$(basename "$patch") does not apply"
	done
}

fragments() {
	echo "$here/config/base.config"
	[ "$1" = plain ] || echo "$here/config/$1.config"
}

# Whether each line of the fragments came through; a later fragment overrides an earlier one.
compare_configuration() {
	local config=$1 missing
	shift
	missing=$(cat "$@" | grep -E '^(# )?CONFIG_' | awk '
		{ name = $0; sub(/^# /, "", name); sub(/[= ].*/, "", name); line[name] = $0 }
		END { for (name in line) print line[name] }' | while read -r line; do
		case $line in
		# What depends on something that is not there is not there either, and not mentioned.
		'# '*) name=${line#\# } && ! grep -q "^${name%% *}=" "$config" || echo "$line" ;;
		*) grep -qxF -- "$line" "$config" || echo "$line" ;;
		esac
	done)
	[ -z "$missing" ] || fail "the configuration lacks:"$'\n'"$missing"
}

configure() {
	local source=$1 out=$2 config=$3 files
	mapfile -t files < <(fragments "$config")
	make --silent --directory="$source" O="$out" "${compilers[@]}" tinyconfig
	(cd "$out" && "$source/scripts/kconfig/merge_config.sh" -m -O "$out" "$out/.config" "${files[@]}" >merge.log)
	make --silent --directory="$source" O="$out" "${compilers[@]}" olddefconfig
	compare_configuration "$out/.config" "${files[@]}"
}
