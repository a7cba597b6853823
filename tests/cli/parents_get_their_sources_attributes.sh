#!/bin/sh
# --parents: the directories on the way are made with the attributes of those
# they are named after, once for several sources, as by cp; existing ones keep theirs.
. "${0%/*}/lib.sh"

mkdir -p model/a/b/c model/a/x model/there/a model/dst model/there/a/b
cd model
echo one >a/b/c/one
echo two >a/b/two
echo three >a/x/three
chmod 750 a/b
chmod 711 a/b/c
chmod 775 a
chmod 700 there/a/b
ln -s b a/link
ln -s a/b top
[ "$(id -u)" != 0 ] || chown 12:34 a/b a/b/c
touch -d '2001-02-03 04:05:06.7' a/b a/b/c a/b/c/one
cd ..

both --parents a/b/c/one dst
[ "$(stat -c %Y.%a pcopy/dst/a/b/c)" = "$(stat -c %Y.%a model/a/b/c)" ] || fail "attributes of a/b/c"
both --parents a/b/c/one a/b/two a/x/three dst
both --parents a/b/c dst
both --parents a/b/c a/b/two dst
both --parents a/b/c/one there
both --parents a/link/two dst
both --parents a/link dst
both --parents -L a/link dst
both --parents -H top dst
both --parents top/two dst
both --parents --no-preserve=mode,ownership a/b/c/one dst
both --parents -t dst a/b/two ./a/x/three
both --parents a/missing/x a/b/two dst
both --parents -n a/b/c/one there

# Xattrs too, which cp leaves out.
if setfattr -n user.colour -v red model/a/b 2>/dev/null; then
  mkdir new
  cd model
  expect_status 0 pcopy --parents a/b/two ../new
  [ "$(getfattr --only-values -n user.colour ../new/a/b)" = red ] || fail "a directory on the way lost its xattr"
fi
