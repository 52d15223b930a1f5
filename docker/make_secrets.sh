#!/bin/sh
# Writes the secrets that docker-compose.yml mounts into a folder, at random; what is there already is kept.
# Only the folder's owner may enter it. The files in it are readable, since containers read them as other users.
set -eu
folder=${1:?usage: make_secrets.sh FOLDER}
mkdir -p "$folder"
chmod 700 "$folder"
for name in postgres_password redis_password api_secret_key jwt_secret admin_password engine_key; do
  [ -s "$folder/$name" ] || head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' > "$folder/$name"
done
# Fernet's key is 32 bytes in the alphabet of base64 for addresses.
[ -s "$folder/fernet_key" ] || head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '\n' > "$folder/fernet_key"
chmod 444 "$folder"/*
