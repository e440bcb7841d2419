# Key points of real people at a size that CPUs can train: a small part of COCO, whose folder the
# environment variable COCO_KEYPOINTS_ROOT names, in the place of COCO. The config's searches end at
# the same multiply-adds.
configs = dict(coco='../../demo/st_hrnas_coco_keypoints_p90.py')
arguments = {'*_rt': dict(epochs=14)}
