import tensorflow as tf

# Two replicas on one machine; it has to be said before TensorFlow starts its devices.
try:
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
except RuntimeError:
    pass  # Another test was faster; those that need two devices say so and are skipped.
