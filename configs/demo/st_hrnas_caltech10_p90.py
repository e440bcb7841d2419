# Real photographs at a size that CPUs can train: ten classes of Caltech-101, a folder each in
# train/ and val/, and the demo's narrow supernet and schedule. The folder is that of the
# environment variable CALTECH10_ROOT, or data/caltech10; an epoch is about a sixth of 1517 images.
_base_ = '../_base_/narrow_objects.py'
training_data = 'Caltech-101, ten classes'  # for the metafile
data_root = '{{$CALTECH10_ROOT:data/caltech10}}'
classes = ('Leopards', 'Motorbikes', 'airplanes', 'bonsai', 'car_side', 'chandelier', 'hawksbill',
           'kangaroo', 'ketch', 'watch')
photographs = dict(data_root=data_root, metainfo=dict(classes=classes))
train_dataloader = dict(num_workers=0, sampler=dict(share=0.18), dataset=photographs)
val_dataloader = dict(dataset=photographs)
test_dataloader = val_dataloader
