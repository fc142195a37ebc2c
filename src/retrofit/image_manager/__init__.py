"""Images that others made, kept in Glance as files of the OpenStack Image Manager say.

The files, the names and properties of images and the meaning of every key are those of
https://github.com/osism/openstack-image-manager, so that its users can switch.
"""
