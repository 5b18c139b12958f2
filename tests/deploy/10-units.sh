#!/usr/bin/env bash
# The units are hardened, the examples are complete, make install puts everything in place.
# timeout: 120
set -u
cd "$(dirname "$0")/../.." || exit 2
failed=0
check() { # NAME COMMAND...
	local name=$1 out
	shift
	if out=$("$@" 2>&1); then echo "ok $name"; else
		echo "not ok $name"
		printf '%s\n' "$out" | tail -n 20 | sed 's/^/  /'
		failed=1
	fi
}
root=$TEST_DIR/root

check "make install into a folder" deploy/install "$root" /usr "$TEST_BUILD"
for file in bin/rempart bin/rempart-kms bin/rempart-gateway bin/rempart-audit lib/systemd/system/rempart-kms.service \
	lib/systemd/system/rempart-gateway.service lib/sysusers.d/rempart.conf lib/tmpfiles.d/rempart.conf \
	share/doc/rempart/examples/kms.ini share/man/man1/rempart.1 share/bash-completion/completions/rempart \
	share/bash-completion/completions/rempart-audit; do
	check "installs /usr/$file" test -s "$root/usr/$file"
done
completes() { # FUNCTION EXPECTED WORD...: the words that the last one may become
	# shellcheck disable=SC2016
	PATH=$TEST_BUILD:$PATH bash -c '. "$1"; f=$2 want=$3; shift 3; compopt() { :; }; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); "$f"
		[ "${COMPREPLY[*]}" = "$want" ] || { echo "got: ${COMPREPLY[*]}"; exit 1; }' \
		bash "$root/usr/share/bash-completion/completions/rempart-audit" "$@"
}
check "completes the auditor's commands" completes _rempart_other "verify show find prove check" rempart-audit ""
check "completes the options of a command" completes _rempart_other "--help --json --key --lang --proof" rempart-audit check --
check "completes the gateway's options" completes _rempart_other "--rebuild-index" rempart-gateway --r
check "completes the command line's commands" completes _rempart "unseal" rempart unse
check "no unit names another place than it was installed to" bash -c "! grep -r @BINDIR@ '$root'"

if command -v systemd-analyze >/dev/null && systemd-analyze security --help | grep -q offline; then
	for unit in rempart-kms rempart-gateway; do
		# 2.0 of 10 at most; systemd calls 1.0 to 4.9 "OK", and much of what people run 9.6 "UNSAFE".
		check "$unit: exposure at most 2.0" systemd-analyze security --no-pager --offline=true --threshold=20 \
			"$root/usr/lib/systemd/system/$unit.service"
		check "$unit: nothing in it is unknown to systemd" bash -c \
			"! systemd-analyze verify --man=no --root='$root' $unit.service 2>&1 | grep -i 'unknown\\|failed to parse\\|ignoring'"
	done
else
	echo "ok exposure of the units # skip no systemd-analyze with --offline"
fi
if command -v systemd-sysusers >/dev/null; then
	mkdir -p "$root/etc"
	check "users are created" bash -c "systemd-sysusers --root='$root' && grep -q ^rempart-kms: '$root/etc/passwd' &&
		grep -q ^rempart-gateway: '$root/etc/passwd'"
else
	echo "ok users are created # skip no systemd-sysusers"
fi

# The examples with their files put here: every key must be known, every file named must be looked for.
for daemon in kms gateway; do
	mkdir -p "$TEST_DIR/$daemon"
	sed -e "s|/etc/rempart/|$TEST_DIR/etc/|; s|/var/lib/|$TEST_DIR/var/|; s|^#\\([a-z_]* = \\)|\\1|; s|^#\\(\\[s3\\]\\)|\\1|" \
		"deploy/examples/$daemon.ini" >"$TEST_DIR/$daemon.ini"
	mkdir -p "$TEST_DIR"/etc/{kms,gateway} "$TEST_DIR"/var/rempart-{kms/{state,log},kms-fence,gateway/{store,index}}
	grep -o "$TEST_DIR/etc/.*" "$TEST_DIR/$daemon.ini" | while read -r file; do (umask 077 && echo x >"$file"); done
	check "$daemon.ini is a good configuration, what is commented out included" \
		"$TEST_BUILD/rempart-$daemon" --config "$TEST_DIR/$daemon.ini" --check
	known=$(sed -n '/conf_key keys\[\]/,/};/p' "server/$daemon/config.c" | tr -d '\n' |
		grep -oE '\{(\.section = )?"[a-z0-9-]+",[[:space:]]*(\.name = )?"[a-z_]+"' |
		sed -E 's/^[^"]*"([^"]*)"[^"]*"([^"]*)"$/\1 \2/' | sort)
	shown=$(awk '/^\[/ { gsub(/[\[\]]/, ""); s = $1 } /^[a-z_]+ = / { print s, $1 }' "$TEST_DIR/$daemon.ini" | sort)
	check "$daemon.ini shows every key that there is" diff <(printf '%s\n' "$known") <(printf '%s\n' "$shown")
done

authority=$TEST_DIR/authority
check "the development authority" deploy/dev/authority "$authority"
before=$(cat "$authority"/* | sha256sum)
check "run again it changes nothing" deploy/dev/authority "$authority"
check "indeed nothing" test "$before" = "$(cat "$authority"/* | sha256sum)"
check "keys are their owner's alone" bash -c "! find '$authority' -name '*.key' ! -perm 600 | grep ."
for leaf in s3:server-ca kms:server-ca gateway:gateway-ca admin:admin-ca; do
	check "${leaf%:*} comes from ${leaf#*:}" openssl verify -x509_strict -CAfile "$authority/${leaf#*:}.pem" "$authority/${leaf%:*}.pem"
	check "${leaf%:*} lasts at most 825 days" bash -c "! openssl x509 -in '$authority/${leaf%:*}.pem' -noout -checkend $((826 * 86400))"
	check "${leaf%:*} has one use" bash -c \
		"openssl x509 -in '$authority/${leaf%:*}.pem' -noout -ext extendedKeyUsage | grep -v Usage: | grep -qx ' *TLS Web [A-Za-z]* Authentication'"
done
exit $failed
