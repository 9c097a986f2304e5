-- Run once by the PostgreSQL image when it makes the cluster: the service's role owns its database and is no superuser.
\set password `cat /run/secrets/sigida_password`
CREATE ROLE sigida LOGIN PASSWORD :'password';
CREATE DATABASE sigida OWNER sigida;
