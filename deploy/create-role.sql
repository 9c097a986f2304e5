-- Run once by the PostgreSQL image when it makes the cluster: the service's login owns its database and is no superuser, and works
-- as a role that owns nothing (docs/second-wall.md).
\set password `cat /run/secrets/sigida_password`
CREATE ROLE sigida LOGIN PASSWORD :'password';
CREATE DATABASE sigida OWNER sigida;
CREATE ROLE sigida_service NOLOGIN;
GRANT sigida_service TO sigida;
