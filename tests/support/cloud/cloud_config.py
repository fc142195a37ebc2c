"""Configuration of the test cloud's services; facts of both come from their own documentation."""

from __future__ import annotations

import dataclasses
import pathlib

REGION = "RegionOne"
SERVICE_DOMAIN = "service_domain"
SERVICE_PROJECT = "services"
RETROFIT_USER = "octavia-diskimage-retrofit"
# Loopback only, and gone with the test: these protect nothing.
PASSWORD = "correct-horse-battery-staple"

_KEYSTONE = """
[DEFAULT]
log_file = {directory}/keystone.log
use_stderr = false
[database]
connection = sqlite:///{directory}/keystone.db
[fernet_tokens]
key_repository = {directory}/fernet-keys
[fernet_receipts]
key_repository = {directory}/fernet-keys
[credential]
key_repository = {directory}/credential-keys
[identity]
# The least that bcrypt takes; tests log in often.
password_hash_rounds = 4
"""

_GLANCE = """
[DEFAULT]
log_file = {directory}/glance.log
use_stderr = false
enabled_backends = file:file
worker_self_reference_url = https://127.0.0.1:{glance_port}
image_size_cap = {image_size_cap}
user_storage_quota = {user_storage_quota}
enabled_import_methods = [{import_methods}]
use_keystone_limits = {unified_limits}
[oslo_limit]
auth_url = https://127.0.0.1:{keystone_port}/v3
insecure = true
auth_type = password
username = glance
password = {password}
system_scope = all
user_domain_name = {domain}
endpoint_service_type = image
endpoint_region_name = {region}
endpoint_interface = public
[image_import_opts]
image_import_plugins = [{import_plugins}]
[image_conversion]
output_format = raw
[import_filtering_opts]
allowed_hosts = [127.0.0.1]
allowed_ports = []
[glance_store]
default_backend = file
[file]
filesystem_store_datadir = {directory}/images
[os_glance_staging_store]
filesystem_store_datadir = {directory}/staging
[os_glance_tasks_store]
filesystem_store_datadir = {directory}/tasks
[database]
connection = sqlite:///{directory}/glance.db?timeout=30
[image_format]
disk_formats = {disk_formats}
[paste_deploy]
flavor = keystone
config_file = {paste}
[keystone_authtoken]
www_authenticate_uri = https://127.0.0.1:{keystone_port}/v3
auth_url = https://127.0.0.1:{keystone_port}/v3
cafile = {ca}
# Tests let the authority expire for who uses the cloud, not for Glance.
insecure = true
auth_type = password
username = glance
password = {password}
project_name = {project}
user_domain_name = {domain}
project_domain_name = {domain}
region_name = {region}
"""


@dataclasses.dataclass(frozen=True)
class Options:
    """What a test may change about the cloud.

    Attributes:
        image_size_cap: Largest image Glance takes, in bytes.
        user_storage_quota: Most that a project may store, such as ``5MB``; ``0`` is no limit.
        disk_formats: Formats of images that Glance takes.
        import_methods: How it imports images.
        import_plugins: What is done with images that are imported, such as ``image_conversion``.
        unified_limits: Whether Glance keeps to limits that are registered in Keystone.
    """

    image_size_cap: int = 1 << 40
    user_storage_quota: str = "0"
    disk_formats: str = "raw,qcow2"
    import_methods: str = "glance-direct,web-download,copy-image"
    import_plugins: str = ""
    unified_limits: bool = False


def write(
    directory: pathlib.Path,
    *,
    keystone_port: int,
    glance_port: int,
    paste: pathlib.Path,
    ca: pathlib.Path,
    options: Options,
) -> None:
    """Write ``keystone.conf`` and ``glance-api.conf`` for services that live in a directory."""
    values = dataclasses.asdict(options) | {
        "directory": directory,
        "keystone_port": keystone_port,
        "glance_port": glance_port,
        "paste": paste,
        "ca": ca,
        "password": PASSWORD,
        "project": SERVICE_PROJECT,
        "domain": SERVICE_DOMAIN,
        "region": REGION,
    }
    (directory / "keystone.conf").write_text(_KEYSTONE.format(**values))
    (directory / "glance-api.conf").write_text(_GLANCE.format(**values))
