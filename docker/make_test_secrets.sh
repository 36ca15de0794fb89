#!/usr/bin/env bash
# Makes the files that compose.tls.yml and compose.tls-broker.yml need, for a
# trial: a certificate authority, a broker's certificate signed by it, a login.
#
#   docker/make_test_secrets.sh [FOLDER]      default: secrets
#
# Also makes what must not work: broker-expired.pem, and other_ca.pem, which
# has signed nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${1:-secrets}
username=connector
password=$(openssl rand -hex 16)
mkdir -p "$folder"
cd "$folder"

authority() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=$1" \
        -keyout "$2.key" -out "$2.pem" 2>/dev/null
}
certificate() {
    openssl x509 -req -in broker.csr -CA mqtt_ca.pem -CAkey mqtt_ca.key \
        -CAcreateserial -days "$2" -out "$1" 2>/dev/null \
        -extfile <(printf 'subjectAltName=DNS:broker')
}

authority 'Trial CA' mqtt_ca
authority 'Another CA' other_ca
openssl req -newkey rsa:2048 -nodes -subj '/CN=broker' \
    -keyout broker.key -out broker.csr 2>/dev/null
certificate broker.pem 30
certificate broker-expired.pem 0        # valid until now

printf '%s' "$username" >mqtt_username
printf '%s' "$password" >mqtt_password
# mosquitto's own format: PBKDF2 with SHA-512, 101 rounds.
docker run --rm --entrypoint sh eclipse-mosquitto:2 -c \
    'mosquitto_passwd -b -c /tmp/logins "$0" "$1" >&2 && cat /tmp/logins' \
    "$username" "$password" >broker_logins
rm -f broker.csr ./*.srl
# The broker and the connector read them as users of their own.
chmod 644 ./*
