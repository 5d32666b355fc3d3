# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Sourced by what boots VMs. A VM has three serial lines: the kernel's console, the
# scripts' output, and the verdict. The last is believed with a key only, which init
# has (lib.sh has its words), and which isn't there any more when scripts run;
# without it the run has failed.

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# place: $work is a directory to boot from, and $key what init is to be told
place()
{
	mkdir -p "$top/build/vm"
	work=$(mktemp -d "$top/build/vm/${0##*/}.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	trap 'stop 130' INT
	trap 'stop 143' TERM HUP
	key=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
}

# stop STATUS: end with it, and without a VM that runs on, be it one that was
# started just now
stop()
{
	local vm

	vm=$(jobs -p)
	# both have a status of their own
	[ -z "$vm" ] || { kill "$vm"; wait "$vm"; } || true
	exit "$1"
}

try_kvm()
{
	local dir=$1 kernel

	kernel=$("$top/tools/vm/kernel" stock-6.12)
	mkdir "$dir/root"
	cp "$(command -v busybox)" "$dir/root/busybox"
	printf '#!/busybox sh\n/busybox echo accelerated\n' > "$dir/root/init"
	chmod +x "$dir/root/init"
	initramfs "$dir/root" "$dir/initrd"
	timeout 60 qemu-system-x86_64 -nodefaults -display none -no-reboot \
		-accel kvm -cpu max -m 256M \
		-kernel "$kernel/vmlinuz" \
		-initrd "$dir/initrd" -append "console=ttyS0 panic=-1" \
		-serial "file:$dir/console" || true
	if grep -qs '^accelerated' "$dir/console"; then
		echo kvm
	else
		echo tcg,thread=multi
	fi > "$dir/name"
	rm -r "$dir/root" "$dir/initrd"
}

# accelerator: KVM, where it is and QEMU boots Debian's kernel with it, or emulation;
# tried once for each kernel of this machine and each QEMU
accelerator()
{
	local dir

	dir=$cache/accelerator-$(uname -r)-$(qemu-system-x86_64 --version |
		sed -n '1s/[^0-9]*\([0-9.]*\).*/\1/p')
	if { : <> /dev/kvm; } 2> /dev/null; then
		cached "$dir" try_kvm
		cat "$dir/name"
	else
		echo tcg,thread=multi
	fi
}

# cpu: QEMU's max, but for the instructions that emulation does byte by byte, so that
# the kernel copies and clears without them
cpu()
{
	echo "max$(qemu-system-x86_64 -cpu help | tr ' ' '\n' |
		grep -x 'erms\|fsrm\|fzrm\|fsrs\|fsrc' | sort -u | sed 's/.*/,&=off/' |
		tr -d '\n')"
}

# boot NAME TIMEOUT APPEND QEMU-WORD...: a VM with these words for its kernel's
# command line and for QEMU; true if init has said that all passed. The console goes
# to build/vm/NAME.console; where something failed its end is shown. A kernel that
# failed before init had begun, as an emulated one does now and then, is booted again.
boot()
{
	local log=$top/build/vm/$1.console timeout=$2 append=$3 status verdict
	local words="console=ttyS0 loglevel=8 log_buf_len=8M panic=-1 oops=panic"
	shift 3

	for _ in 1 2 3; do
		status=0
		touch "$work/console" "$work/verdict"
		timeout --foreground -k 5 "$timeout" qemu-system-x86_64 \
			-nodefaults -no-user-config -display none -no-reboot \
			-machine pc -smp 2 \
			-append "$words$append" \
			-serial "file:$work/console" \
			-chardev stdio,id=output,signal=off -serial chardev:output \
			-serial "file:$work/verdict" "$@" <&0 &
		wait "$!" || status=$?
		verdict=$(cat "$work/verdict")
		# unlike cp, it can do so while another run does
		cat "$work/console" > "$log"
		case $status-$verdict in
		0-"$key begun"$'\n'"$key pass")
			return 0 ;;
		0-"$key begun"*|[!0]*)
			break ;;
		esac
		echo "${0##*/}: the kernel said before anything ran:" >&2
		tail -n 40 "$work/console" >&2
	done

	case $status-$verdict in
	124-*|137-*)		echo "no end after $timeout seconds" ;;
	0-"$key begun"*"$key fail"*)
				echo "failed${verdict##*"$key fail"}" ;;
	0-"$key begun"*)	echo "the VM ended without a verdict" ;;
	0-*)			echo "the kernel is broken" ;;
	*)			echo "QEMU ended with $status" ;;
	esac | sed "s|^|${0##*/}: |" >&2
	tail -n 40 "$work/console" >&2
	return 1
}
